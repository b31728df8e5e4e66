"""The rules for entries of the lists, for all clients.

The allowlist beats every ban, so a ban that could never take effect is refused; a ban that takes
effect in part is accepted with a warning. A full list refuses entries before anything is committed.
Several origins may hold one network, each with its own end: the data plane gets the latest end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from api.access.audit.service import Actor
from api.common.contract.errors import ConflictError, FieldError, NotFoundError
from api.lists import kinds, trail, wide
from api.lists.schemas import FLEET
from api.management.lists import neighbors, rows, writes
from api.management.revisions.publisher import Outcome, Publisher
from api.storage.database import AnyRow
from api.storage.sqlite import Database
from dataplane.base.clock import Clock, Deadline, latest_end
from dataplane.base.networks import Network
from dataplane.statelog import Change, ListName, Put

MANUAL = "manual"
_NAMED_MAX = 20
ENTRIES_PER_NETWORK = 2
"""Entries for each network that the data plane has room for: a network may have many origins, all
networks together have two on average."""


@dataclass(frozen=True)
class Capacity:
    """The number of networks that the data plane holds; prefixes per family."""

    addresses_max: int
    prefixes_max: int

    def limit(self, kind: int) -> int:
        """The limit of one kind (`api.management.lists.rows`)."""
        return self.addresses_max if kind == kinds.ADDRESS else self.prefixes_max


@dataclass(frozen=True)
class Room:
    """Numbers of places for networks and entries, by kind."""

    networks: Sequence[int] = (0, 0, 0)
    entries: Sequence[int] = (0, 0, 0)


@dataclass(frozen=True)
class Wanted:
    """An entry to be put on a list; no duration: no end."""

    network: Network
    reason: str | None
    duration_s: int | None
    origin: str = MANUAL
    field: str = "ip"
    """The name of the entry in errors."""


@dataclass(frozen=True)
class Entry:
    """One entry of a list."""

    list: ListName
    network: Network
    origin: str
    reason: str | None
    duration_s: int | None
    created_ms: int
    created_by: str
    expires_utc_ms: int | None
    revision: int
    rejected: str | None = None
    warnings: tuple[str, ...] = ()
    is_new: bool = False
    """There was no entry of that network and origin before."""
    is_first: bool = False
    """There was no entry of that network before: the data plane did not have it."""


@dataclass(frozen=True)
class Removed:
    """The revision of a removal, and the origins that still hold the network."""

    revision: int
    remaining: tuple[str, ...]


class Lists:
    """Both lists of a node."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        capacity: Callable[[], Capacity],
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self.capacity = capacity
        self.reserved = Room()
        """Places that an import under way will use."""

    def put(self, actor: Actor, name: ListName, wanted: Sequence[Wanted]) -> list[Entry]:
        """Add entries, or replace those of the same network and origin; all or none.

        Raises `ConflictError`: covered by the allowlist, or the list is full.
        """
        capacity = self.capacity()

        def apply(connection: Connection, revision: int) -> Outcome[list[Entry]]:
            boot_ms, number = self._clock.boot_ms(), kinds.number[name]
            warnings = _check(connection, name, wanted, boot_ms)
            made, changes, tally = list[Entry](), list[Change](), writes.Tally()
            before: list[dict[str, Any] | None] = []
            for each, warning in zip(wanted, warnings, strict=True):
                values, deadline = self._values(actor, each, revision)
                found = writes.put(connection, number, each.network, each.origin, values, tally)
                live = [row for row in found if rows.is_counted(row) and rows.is_live(row, boot_ms)]
                others = [row for row in live if row.origin != each.origin]
                before.append(_of_origin(each.network, each.origin, live))
                ends = [rows.deadline_of(row, self._clock.boot_id()) for row in others]
                changes.append(Put(name, each.network, latest_end([*ends, deadline])))
                how = {"is_new": len(live) == len(others), "is_first": not live}
                made.append(_made(each, values, list=name, warnings=warning, **how))
            tally.write(connection, number)
            self._check_room(connection, capacity, made, boot_ms)
            after = [
                trail.values(each.network, each.origin, each, each.expires_utc_ms) for each in made
            ]
            return Outcome(made, changes, _target(wanted), trail.difference(before, after))

        return self._publisher.commit(actor, f"{name}.put", apply)[0]

    def remove(
        self, actor: Actor, name: ListName, network: Network, origin: str = MANUAL
    ) -> Removed:
        """Remove the entry of exactly that network and origin. Raises `NotFoundError`."""

        def apply(connection: Connection, _revision: int) -> Outcome[tuple[str, ...]]:
            found = rows.find(connection, kinds.number[name], network, self._clock.boot_ms())
            others = [row for row in found if row.origin != origin]
            if len(others) == len(found):
                raise _not_there(name, network, origin, others)
            tally = writes.Tally()
            writes.remove(connection, kinds.number[name], network, origin, tally)
            tally.write(connection, kinds.number[name])
            changes = [rows.change(name, network, others, self._clock)]
            target = str(network) if origin == MANUAL else f"{network} of {origin}"
            left = tuple(row.origin for row in others)
            before = _of_origin(network, origin, found)
            return Outcome(left, changes, target, trail.difference([before], [None]))

        remaining, revision = self._publisher.commit(actor, f"{name}.remove", apply)
        return Removed(revision, remaining)

    def get(self, name: ListName, network: Network) -> list[Entry]:
        """The entries of exactly that network, the one with the latest end first.

        Raises `NotFoundError`.
        """
        with self._database.read() as connection:
            boot_ms = self._clock.boot_ms()
            found = rows.lasting(connection, kinds.number[name], network, boot_ms)
        if not found:
            raise NotFoundError(f"{network} is no entry of the {name}")
        return [entry_of(row) for row in found]

    def reserve(self, wanted: Room) -> None:
        """Reserve places, under the lock, until they are used. `ConflictError`: the
        list is full."""
        capacity, boot_ms = self.capacity(), self._clock.boot_ms()
        with self._database.write() as connection:
            for kind, (networks, entries) in enumerate(
                zip(wanted.networks, wanted.entries, strict=True)
            ):
                limit = capacity.limit(kind)
                used = rows.used(connection, kind, boot_ms, limit - networks)
                if used + networks > limit:
                    raise full(kind, used, networks, limit)
                limit *= ENTRIES_PER_NETWORK
                used = rows.used_rows(connection, kind, boot_ms, limit - entries)
                if used + entries > limit:
                    raise _too_many(kind, used, entries, limit)
            self.reserved = wanted

    def _values(
        self, actor: Actor, wanted: Wanted, revision: int
    ) -> tuple[dict[str, Any], Deadline | None]:
        seconds = wanted.duration_s
        deadline = None if seconds is None else Deadline.after(self._clock, seconds)
        values = {
            "reason": wanted.reason,
            "duration_s": seconds,
            "created_ms": self._clock.utc_ms(),
            "created_by": actor.principal.name,
            "expires_boot_ms": deadline and deadline.boot_ms,
            "expires_utc_ms": deadline and deadline.utc_ms,
            "revision": revision,
        }
        return values, deadline

    def _check_room(
        self, connection: Connection, capacity: Capacity, made: Sequence[Entry], boot_ms: int
    ) -> None:
        """Check the room after the rows are written; replaced rows need none."""
        networks = Counter(kinds.kind(each.network) for each in made if each.is_first)
        for kind, count in networks.items():
            limit, reserved = capacity.limit(kind), self.reserved.networks[kind]
            used = rows.used(connection, kind, boot_ms, limit - reserved + 1)
            if used + reserved > limit:
                raise full(kind, used - count, count, limit)
        entries = Counter(kinds.kind(each.network) for each in made if each.is_new)
        for kind, count in entries.items():
            limit = ENTRIES_PER_NETWORK * capacity.limit(kind)
            reserved = self.reserved.entries[kind]
            used = rows.used_rows(connection, kind, boot_ms, limit - reserved + 1)
            if used + reserved > limit:
                raise _too_many(kind, used - count, count, limit)


def entry_of(row: AnyRow) -> Entry:
    """The entry of a row."""
    return Entry(
        list=kinds.LISTS[row.list],
        network=rows.network_of(row),
        origin=row.origin,
        reason=row.reason,
        duration_s=row.duration_s,
        created_ms=row.created_ms,
        created_by=row.created_by,
        expires_utc_ms=row.expires_utc_ms,
        revision=row.revision,
        rejected=row.rejected,
    )


def _check(
    connection: Connection, name: ListName, wanted: Sequence[Wanted], boot_ms: int
) -> list[tuple[str, ...]]:
    """Warnings about each entry; refuses entries that could never take effect."""
    found = _check_against_allowlist(connection, name, wanted, boot_ms)
    found = [
        one + wide.warnings_about(each.network) for one, each in zip(found, wanted, strict=True)
    ]
    if name == "allowlist":
        return found
    ended = neighbors.cut_off(connection, [each.network for each in wanted], boot_ms)
    return [one + other for one, other in zip(found, ended, strict=True)]


def _check_against_allowlist(
    connection: Connection, name: ListName, wanted: Sequence[Wanted], boot_ms: int
) -> list[tuple[str, ...]]:
    """Refuse bans that the allowlist covers completely; returns warnings about partly
    covered ones."""
    other = kinds.BLACKLIST if name == "allowlist" else kinds.ALLOWLIST
    if rows.is_empty(connection, other):
        return [()] * len(wanted)
    if name == "allowlist":
        return [_overridden(connection, each.network, boot_ms) for each in wanted]
    warnings, refused = list[tuple[str, ...]](), list[FieldError]()
    for each in wanted:
        allowed = rows.contained(connection, kinds.ALLOWLIST, each.network, boot_ms)
        if holders := rows.holders(connection, kinds.ALLOWLIST, each.network, boot_ms):
            if each.origin != FLEET:
                refused.append(_covered(each, holders[-1]))
            allowed = [*dict.fromkeys([*holders[-1:], *allowed])]
        how = "is on the allowlist: the ban does not act on it"
        warnings.append(tuple(f"{one} {how}" for one in allowed))
    if refused:
        raise ConflictError(
            "; ".join(each.message for each in refused[:_NAMED_MAX]), errors=refused
        )
    return warnings


def full(kind: int, used: int, wanted: int, limit: int) -> ConflictError:
    """The error for entries that do not fit."""
    message = (
        f"the lists are full: {used} of {limit} {kinds.KINDS[kind]} used, {wanted} more wanted"
    )
    what = FieldError("ip", used + wanted, f"{limit} {kinds.KINDS[kind]}", message)
    return ConflictError(message, errors=[what])


def _too_many(kind: int, used: int, wanted: int, limit: int) -> ConflictError:
    message = (
        f"the lists have too many entries: {used} of {limit} entries of {kinds.KINDS[kind]} used, "
        f"{wanted} more wanted; entries of several origins for one network count each"
    )
    what = FieldError("origin", used + wanted, f"{limit} entries of {kinds.KINDS[kind]}", message)
    return ConflictError(message, errors=[what])


def _overridden(connection: Connection, network: Network, boot_ms: int) -> tuple[str, ...]:
    outer = rows.holders(connection, kinds.BLACKLIST, network, boot_ms)
    inner = rows.contained(connection, kinds.BLACKLIST, network, boot_ms)
    banned = dict.fromkeys([*outer, *inner])
    return tuple(f"the ban of {each} does not act where {network} allows" for each in banned)


def _covered(wanted: Wanted, holder: Network) -> FieldError:
    network = wanted.network
    message = f"{network} is covered by {holder} on the allowlist, so a ban could never act"
    return FieldError(wanted.field, str(network), f"allowlist entry {holder}", message)


def _not_there(
    name: ListName, network: Network, origin: str, others: Sequence[AnyRow]
) -> NotFoundError:
    if not others:
        return NotFoundError(f"{network} is no entry of the {name}")
    known = ", ".join(row.origin for row in others)
    return NotFoundError(
        f"{network} is no entry of origin {origin} of the {name}; it is of {known}"
    )


def _of_origin(network: Network, origin: str, found: Sequence[AnyRow]) -> dict[str, Any] | None:
    """The entry of an origin among rows of a network, in the form of the audit trail."""
    held = (
        trail.values(network, origin, row, row.expires_utc_ms)
        for row in found
        if row.origin == origin
    )
    return next(held, None)


def _target(wanted: Sequence[Wanted]) -> str:
    """The target in the form of the audit trail."""
    first, origins = wanted[0], sorted({each.origin for each in wanted} - {MANUAL})
    text = str(first.network) if len(wanted) == 1 else f"{len(wanted)} entries"
    return f"{text} of {', '.join(origins)}" if origins else text


def _made(wanted: Wanted, values: dict[str, Any], **how: Any) -> Entry:
    names = ("reason", "duration_s", "created_ms", "created_by", "expires_utc_ms", "revision")
    fields = {name: values[name] for name in names}
    return Entry(network=wanted.network, origin=wanted.origin, **fields, **how)
