"""What may go on a list and what may not, whoever asks.

The allowlist beats every ban, so a ban that could never act is refused; one that acts in part is
accepted with a warning. A list that is full refuses before anything is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from api.common.errors import ConflictError, FieldError, NotFoundError
from api.management.audit.service import Actor
from api.management.database import AnyRow, Database
from api.management.lists import rows
from api.management.revisions.publisher import Outcome, Publisher
from dataplane.clock import Clock, Deadline
from dataplane.networks import Network
from dataplane.statelog import ListName, Put, Remove


@dataclass(frozen=True)
class Capacity:
    """How many entries the data plane holds; prefixes per family."""

    addresses_max: int
    prefixes_max: int

    def limit(self, kind: int) -> int:
        """Of one kind (`api.management.lists.rows`)."""
        return self.addresses_max if kind == rows.ADDRESS else self.prefixes_max


@dataclass(frozen=True)
class Entry:
    """One entry of a list."""

    list: ListName
    network: Network
    reason: str | None
    duration_s: int | None
    created_ms: int
    created_by: str
    expires_utc_ms: int | None
    revision: int
    rejected: str | None = None
    warnings: tuple[str, ...] = ()
    is_new: bool = False


@dataclass(frozen=True)
class EntryPage:
    """A part of a list, the number of all entries, and where the next part begins."""

    entries: tuple[Entry, ...]
    total: int
    next: Network | None


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
        self.reserved = [0, 0, 0]
        """By kind: places that an import under way is going to take."""

    def put(
        self,
        actor: Actor,
        name: ListName,
        network: Network,
        reason: str | None,
        seconds: int | None,
    ) -> Entry:
        """Add an entry, or replace the one of that network (`Entry.is_new` says which).

        Raises `ConflictError`: covered by the allowlist, or the list is full.
        """
        capacity = self.capacity()

        def apply(connection: Connection, revision: int) -> Outcome[Entry]:
            boot_ms = self._clock.boot_ms()
            warnings = check_against_allowlist(connection, name, network, boot_ms)
            found = rows.find(connection, rows.number[name], network, boot_ms)
            if found is None:
                self._check_room(connection, capacity, network, boot_ms)
            deadline = None if seconds is None else Deadline.after(self._clock, seconds)
            values: dict[str, Any] = {
                "reason": reason,
                "duration_s": seconds,
                "created_ms": self._clock.utc_ms(),
                "created_by": actor.principal.name,
                "expires_boot_ms": deadline and deadline.boot_ms,
                "expires_utc_ms": deadline and deadline.utc_ms,
                "revision": revision,
            }
            rows.put(connection, rows.number[name], network, values)
            entry = Entry(
                list=name,
                network=network,
                reason=reason,
                duration_s=seconds,
                created_ms=values["created_ms"],
                created_by=actor.principal.name,
                expires_utc_ms=values["expires_utc_ms"],
                revision=revision,
                warnings=warnings,
                is_new=found is None,
            )
            return Outcome(entry, [Put(name, network, deadline)], str(network))

        return self._publisher.commit(actor, f"{name}.put", apply)[0]

    def remove(self, actor: Actor, name: ListName, network: Network) -> int:
        """Remove the entry of exactly that network; returns the revision or `NotFoundError`."""

        def apply(connection: Connection, _revision: int) -> Outcome[None]:
            self._found(connection, name, network, self._clock.boot_ms())
            rows.remove(connection, rows.number[name], network)
            return Outcome(None, [Remove(name, network)], str(network))

        return self._publisher.commit(actor, f"{name}.remove", apply)[1]

    def get(self, name: ListName, network: Network) -> Entry:
        """The entry of exactly that network. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return self._found(connection, name, network, self._clock.boot_ms())

    def page(self, name: ListName, after: Network | None, limit: int) -> EntryPage:
        """Entries in the order of their networks, an order that no change upsets."""
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:
            found = rows.page(connection, rows.number[name], after, limit + 1, boot_ms)
            total = rows.total(connection, rows.number[name], boot_ms)
        entries = tuple(entry_of(row) for row in found[:limit])
        return EntryPage(entries, total, entries[-1].network if len(found) > limit else None)

    def _found(
        self, connection: Connection, name: ListName, network: Network, boot_ms: int
    ) -> Entry:
        row = rows.find(connection, rows.number[name], network, boot_ms)
        if row is None:
            raise NotFoundError(f"{network} is no entry of the {name}")
        return entry_of(row)

    def _check_room(
        self, connection: Connection, capacity: Capacity, network: Network, boot_ms: int
    ) -> None:
        kind = rows.kind(network)
        limit = capacity.limit(kind)
        used = rows.used(connection, kind, boot_ms, limit - self.reserved[kind])
        if used + self.reserved[kind] + 1 > limit:
            raise full(kind, used, 1, limit)


def entry_of(row: AnyRow) -> Entry:
    """The entry of a row."""
    return Entry(
        list=rows.LISTS[row.list],
        network=rows.network_of(row),
        reason=row.reason,
        duration_s=row.duration_s,
        created_ms=row.created_ms,
        created_by=row.created_by,
        expires_utc_ms=row.expires_utc_ms,
        revision=row.revision,
        rejected=row.rejected,
    )


def check_against_allowlist(
    connection: Connection, name: ListName, network: Network, boot_ms: int
) -> tuple[str, ...]:
    """Refuse a ban that the allowlist covers whole; warnings about what acts in part."""
    if name == "allowlist":
        outer = rows.holders(connection, rows.BLACKLIST, network, boot_ms)
        inner = rows.contained(connection, rows.BLACKLIST, network, boot_ms)
        banned = dict.fromkeys([*outer, *inner])
        return tuple(f"the ban of {each} does not act where {network} allows" for each in banned)
    if holders := rows.holders(connection, rows.ALLOWLIST, network, boot_ms):
        holder = holders[-1]
        message = f"{network} is covered by {holder} on the allowlist, so a ban could never act"
        what = FieldError("ip", str(network), f"allowlist entry {holder}", message)
        raise ConflictError(message, errors=[what])
    allowed = rows.contained(connection, rows.ALLOWLIST, network, boot_ms)
    return tuple(f"{each} is on the allowlist: the ban does not act on it" for each in allowed)


def full(kind: int, used: int, wanted: int, limit: int) -> ConflictError:
    """The refusal of what does not fit."""
    message = f"the lists are full: {used} of {limit} {rows.KINDS[kind]} used, {wanted} more wanted"
    what = FieldError("ip", used + wanted, f"{limit} {rows.KINDS[kind]}", message)
    return ConflictError(message, errors=[what])
