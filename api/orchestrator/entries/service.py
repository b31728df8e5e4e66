"""The rules for entries of the fleet's lists.

As on a node, the allowlist beats every ban: a ban that could never take effect is refused; a ban
that takes effect in part is accepted with a warning. An entry of the fleet holds on every node,
beside the node's own entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from api.access.audit import service as audit
from api.access.audit.service import Actor
from api.common.contract.errors import ConflictError, FieldError, NotFoundError
from api.lists import kinds, trail
from api.lists.filters import Only
from api.lists.kinds import ALLOWLIST, BLACKLIST
from api.lists.looking_up import LookUp, Reading, look_up
from api.lists.schemas import FLEET
from api.lists.wide import warnings_about
from api.orchestrator import changes
from api.orchestrator.entries import rows
from api.orchestrator.entries.rows import Order, Place
from api.orchestrator.following.log import ChangeLog
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.statelog import ListName

ENTRIES_MAX = 1_000_000
"""Limit of both lists together: the default capacity of a node."""
_NAMED_MAX = 20
_PURGED_AT_ONCE = 500


@dataclass(frozen=True)
class Wanted:
    """An entry to be put on a list; no duration: no end."""

    network: Network
    reason: str | None
    duration_s: int | None
    field: str = "ip"
    """The name of the entry in errors."""


@dataclass(frozen=True)
class Entry:
    """One entry of a list."""

    list: ListName
    network: Network
    reason: str | None
    duration_s: int | None
    created_ms: int
    created_by: str
    expires_ms: int | None
    change: int
    warnings: tuple[str, ...] = ()
    is_new: bool = False


@dataclass(frozen=True)
class EntryPage:
    """A page of a list, the number of all matching entries, and the position of the next page.

    ``total`` None: it was counted with an earlier page.
    """

    entries: tuple[Entry, ...]
    total: int | None
    next: Place | None = None


class FleetLists:
    """Both lists of the fleet."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.log = ChangeLog("lists")

    def put(self, actor: Actor, name: ListName, wanted: Sequence[Wanted]) -> list[Entry]:
        """Add entries, or replace those of the same network; all or none.

        Raises `ConflictError`: covered by the allowlist, or the lists are full.
        """
        number = kinds.number[name]
        with self._database.write() as connection:
            change, now_ms = changes.bump(connection), self._clock.utc_ms()
            rows.purge(connection, now_ms, _PURGED_AT_ONCE)
            warnings = check(connection, name, wanted, now_ms)
            made, before = [], []
            for each, warning in zip(wanted, warnings, strict=True):
                row = rows.find(connection, number, each.network, now_ms)
                before.append(None if row is None else _told(entry_of(row)))
                values = _values(actor, each, change, now_ms)
                rows.put(connection, number, each.network, values)
                entry = Entry(name, each.network, **values, warnings=warning, is_new=row is None)
                made.append(entry)
            check_room(connection, sum(each.is_new for each in made), now_ms)
            items = [rows.item_of(rows.place_of(number, each.network)) for each in wanted]
            self.log.note(connection, change, items)
            told, target = trail.difference(before, list(map(_told, made))), _target(wanted)
            audit.record(connection, actor, f"{name}.put", target, now_ms, change, difference=told)
            actor.on_commit(connection, made, change)
        return made

    def remove(self, actor: Actor, name: ListName, network: Network) -> int:
        """Remove the entry of exactly that network; returns the change. Raises `NotFoundError`."""
        number = kinds.number[name]
        with self._database.write() as connection:
            change, now_ms = changes.bump(connection), self._clock.utc_ms()
            row = rows.find(connection, number, network, now_ms)
            if row is None:
                raise _not_there(name, network)
            rows.remove(connection, number, network)
            self.log.note(connection, change, [rows.item_of(rows.place_of(number, network))])
            told, action = trail.difference([_told(entry_of(row))], [None]), f"{name}.remove"
            audit.record(connection, actor, action, str(network), now_ms, change, difference=told)
        return change

    def get(self, name: ListName, network: Network) -> Entry:
        """The entry of exactly that network. Raises `NotFoundError`."""
        with self._database.read() as connection:
            row = rows.find(connection, kinds.number[name], network, self._clock.utc_ms())
        if row is None:
            raise _not_there(name, network)
        return entry_of(row)

    def look_up(self, name: ListName, asked: Network) -> LookUp[Entry]:
        """See `api.lists.looking_up`."""
        now_ms = self._clock.utc_ms()
        with self._database.read() as connection:

            def holders(each: ListName) -> dict[Network, list[Entry]]:
                number = kinds.number[each]
                networks = rows.holders(connection, number, asked, now_ms)
                found = (rows.find(connection, number, one, now_ms) for one in reversed(networks))
                entries = [entry_of(row) for row in found if row is not None]
                return {entry.network: [entry] for entry in entries}

            def contained(each: ListName, limit: int) -> list[Network]:
                return rows.contained(connection, kinds.number[each], asked, now_ms, limit)

            reading = Reading(holders, contained, lambda _entry: True, " of the fleet")
            return look_up(name, asked, reading)

    def first(self, name: ListName, order: Order, limit: int, only: Only) -> EntryPage:
        """The first entries in another order; there are no further pages."""
        number, now_ms = kinds.number[name], self._clock.utc_ms()
        with self._database.read() as connection:
            found, total = rows.first(connection, number, order, limit, now_ms, only)
        return EntryPage(tuple(map(entry_of, found)), total)

    def page(self, name: ListName, after: Place | None, limit: int, only: Only) -> EntryPage:
        """Entries in the order of their networks; changes do not affect this order."""
        number, now_ms, total = kinds.number[name], self._clock.utc_ms(), None
        with self._database.read() as connection:
            found = rows.page(connection, after, limit + 1, now_ms, number, only)
            if after is None or only == rows.ALL:
                total = rows.total(connection, number, now_ms, only)
        entries = tuple(map(entry_of, found[:limit]))
        last = rows.place_of(number, entries[-1].network) if len(found) > limit else None
        return EntryPage(entries, total, last)

    def purge(self) -> None:
        """Delete ended rows, which are no longer visible, in small transactions."""
        while True:
            with self._database.write(bulk=True) as connection:
                if rows.purge(connection, self._clock.utc_ms(), _PURGED_AT_ONCE) < _PURGED_AT_ONCE:
                    return

    def confirm(self, actor: Actor) -> int:
        """Confirm that the lists have lost entries on purpose: nodes need not wait. Returns the
        change."""
        with self._database.write() as connection:
            change = changes.bump(connection)
            self.log.note(connection, change, ())
            self.log.confirm(connection, change)
            now_ms = self._clock.utc_ms()
            audit.record(connection, actor, "lists.confirm", f"change {change}", now_ms, change)
        return change


def entry_of(row: AnyRow) -> Entry:
    """The entry of a row."""
    return Entry(
        list=kinds.LISTS[row.list],
        network=rows.network_of(row),
        reason=row.reason,
        duration_s=row.duration_s,
        created_ms=row.created_ms,
        created_by=row.created_by,
        expires_ms=row.expires_ms,
        change=row.change,
    )


def check(
    connection: Connection, name: ListName, wanted: Sequence[Wanted], now_ms: int
) -> list[tuple[str, ...]]:
    """Warnings about each entry. Raises `ConflictError`: the allowlist covers one completely."""
    wide = [warnings_about(each.network) for each in wanted]
    if name == "allowlist":
        overridden = (_overridden(connection, each.network, now_ms) for each in wanted)
        return [one + other for one, other in zip(overridden, wide, strict=True)]
    warnings, refused = list[tuple[str, ...]](), list[FieldError]()
    for each in wanted:
        if holders := rows.holders(connection, ALLOWLIST, each.network, now_ms):
            refused.append(_covered(each, holders[-1]))
        allowed = rows.contained(connection, ALLOWLIST, each.network, now_ms)
        how = "is on the fleet's allowlist: the ban does not act on it"
        warnings.append(tuple(f"{one} {how}" for one in allowed))
    if refused:
        text = "; ".join(each.message for each in refused[:_NAMED_MAX])
        raise ConflictError(text, errors=refused)
    return [one + other for one, other in zip(warnings, wide, strict=True)]


def _overridden(connection: Connection, network: Network, now_ms: int) -> tuple[str, ...]:
    outer = rows.holders(connection, BLACKLIST, network, now_ms)
    inner = rows.contained(connection, BLACKLIST, network, now_ms)
    banned = dict.fromkeys([*outer, *inner])
    return tuple(f"the ban of {each} does not act where {network} allows" for each in banned)


def check_room(connection: Connection, added: int, now_ms: int) -> None:
    """Check the room after the rows are written."""
    if not added:
        return
    used = sum(rows.totals(connection, now_ms).values())
    if used > ENTRIES_MAX:
        limit, before = f"{ENTRIES_MAX} entries", used - added
        message = f"the fleet's lists are full: {before} of {limit} used, {added} more wanted"
        raise ConflictError(message, errors=[FieldError("ip", used, limit, message)])


def _values(actor: Actor, wanted: Wanted, change: int, now_ms: int) -> dict[str, Any]:
    seconds = wanted.duration_s
    return {
        "reason": wanted.reason,
        "duration_s": seconds,
        "created_ms": now_ms,
        "created_by": actor.principal.name,
        "expires_ms": None if seconds is None else now_ms + seconds * 1000,
        "change": change,
    }


def _covered(wanted: Wanted, holder: Network) -> FieldError:
    network = wanted.network
    message = f"{network} is covered by {holder} on the fleet's allowlist: a ban could never act"
    return FieldError(wanted.field, str(network), f"allowlist entry {holder}", message)


def _not_there(name: ListName, network: Network) -> NotFoundError:
    return NotFoundError(f"{network} is no entry of the fleet's {name}")


def _told(entry: Entry) -> dict[str, Any]:
    """An entry in the form of the audit trail."""
    return trail.values(entry.network, FLEET, entry, entry.expires_ms)


def _target(wanted: Sequence[Wanted]) -> str:
    """The target in the form of the audit trail."""
    return str(wanted[0].network) if len(wanted) == 1 else f"{len(wanted)} entries"
