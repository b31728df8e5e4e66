"""Changes, applied to the tables: what can't be is reported as rejected and holds nobody up.

Between the reconciler, which decides what is applied when, and the native tables.
"""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias
from uuid import UUID

from dataplane import abi
from dataplane.clock import Clock
from dataplane.errors import NativeError
from dataplane.networks import Network
from dataplane.records import KINDS, Marker, marker_record, put_records, remove_records
from dataplane.statelog import ListName
from dataplane.statelog.format import Entry
from dataplane.tables import ListsUsage

EntryKey: TypeAlias = tuple[ListName, Network]
_REJECTED_MAX = 65_536
_NAMES: dict[int, ListName] = {kind: name for name, kind in KINDS.items()}


class ListTable(Protocol):
    """What is needed of `dataplane.tables.Lists`."""

    def put(self, records: ctypes.Array[abi.ListRecord]) -> int:
        """Adds or replaces; returns how many failed, each record's result says why."""
        ...

    def remove(self, records: ctypes.Array[abi.ListRecord]) -> int:
        """Removes; returns how many were there."""
        ...

    def commit(self) -> bool:
        """Brings prefixes in force; False: try again in a turn; NativeError: the old ones stay."""
        ...

    def begin_generation(self) -> None:
        """From here on, what is put belongs to a new generation."""
        ...

    def sweep(self, budget: int) -> bool:
        """Removes what was not put in this generation; True: there is more."""
        ...

    def usage(self) -> ListsUsage:
        """How full it is."""
        ...


class Profiles(Protocol):
    """Where policies go."""

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Bring a policy in force, None: the default; SecBeatError: it can't be."""
        ...


class Published(Protocol):
    """What clients get to see (`dataplane.published.StatsPublisher`)."""

    def database(self, database_id: UUID | None) -> None:
        """The state is of that database; nothing of it is applied yet."""
        ...

    def applied_through(self, revision: int) -> None:
        """Every revision up to this one is in force, but the one that is loading."""
        ...

    def loading(self, revision: int) -> None:
        """This revision is an import that is not complete yet; 0: none."""
        ...

    def degraded(self, flag: abi.Degraded, *, on: bool) -> None:
        """Sets or clears a reason to be degraded."""
        ...

    def rejected(self, revision: int, record: abi.ListRecord, error: int) -> None:
        """An entry that could not be applied."""
        ...

    def usage(self, usage: ListsUsage) -> None:
        """How full the tables are."""
        ...

    def notice(self, kind: abi.NoticeKind, value: int, /) -> None:
        """Tells the agent."""
        ...


class Tables:
    """The tables, what of them waits for a commit, and what they refused."""

    def __init__(self, lists: ListTable, publish: Published, clock: Clock) -> None:
        self.lists = lists
        self.dirty = False
        """A line's prefix waits for a commit; one of a bulk load does not count."""
        self._publish = publish
        self._clock = clock
        self._rejected: dict[EntryKey | int, int] = {}
        self._look_over_ds = abi.DEADLINE_NEVER

    def put(self, entries: Sequence[Entry], revision: int) -> None:
        """Put entries of a line; those that have expired are removed."""
        failed, expired = self._put(entries, revision)
        if not failed:
            self.accept([entry[:2] for entry in entries])
        self.remove([entry[:2] for entry in expired])
        self.dirty = self.dirty or any(not entry.network.is_address for entry in entries)

    def remove(self, keys: Sequence[EntryKey]) -> None:
        """Remove entries of a line."""
        self.remove_bulk(keys)
        self.dirty = self.dirty or any(not network.is_address for _, network in keys)

    def put_bulk(self, entries: Sequence[Entry], revision: int) -> list[Entry]:
        """Put entries whose prefixes may wait until all is loaded; returns what has expired."""
        return self._put(entries, revision)[1]

    def put_reloaded(self, entries: Sequence[Entry]) -> bool:
        """Put entries of a new generation beside the old; False: again, when that is swept."""
        records, _ = put_records(entries, self._clock)
        return not len(records) or self.lists.put(records) == 0

    def remove_bulk(self, keys: Sequence[EntryKey]) -> None:
        """Remove entries whose prefixes may wait until all is loaded."""
        if keys:
            self.lists.remove(remove_records(keys))
            self.accept(keys)

    def begin_generation(self) -> None:
        """Everything will be put again, and what was rejected with it."""
        self.lists.begin_generation()
        self._rejected.clear()
        self._publish.degraded(abi.Degraded.REJECTED, on=False)

    def commit(self, revision: int) -> bool:
        """Bring prefixes in force; False: not yet. What fails waits for the next change."""
        try:
            self.dirty = not self.lists.commit()
        except NativeError as exc:
            self.dirty = False
            self.reject(revision, marker_record(Marker.PREFIXES), exc.errno)
        else:
            if not self.dirty:
                self.accept([Marker.PREFIXES])
        return not self.dirty

    def reject(self, revision: int, record: abi.ListRecord, error: int) -> None:
        """Say that it could not be applied."""
        if len(self._rejected) < _REJECTED_MAX:
            of_entry = record.list in _NAMES
            deadline_ds = record.deadline_ds if of_entry else abi.DEADLINE_NEVER
            self._rejected[_key_of(record)] = deadline_ds
            self._look_over_ds = min(self._look_over_ds, deadline_ds)
        self._publish.degraded(abi.Degraded.REJECTED, on=True)
        self._publish.rejected(revision, record, error)

    def accept(self, keys: Sequence[EntryKey | int]) -> None:
        """What was rejected is no more, once it is put well, removed, or over."""
        if self._rejected:
            for key in keys:
                self._rejected.pop(key, None)
            if not self._rejected:
                self._publish.degraded(abi.Degraded.REJECTED, on=False)

    def forget_over(self) -> None:
        """What was rejected and would be over by now is missed by nobody; looks once a second."""
        now_ds = self._clock.boot_ms() // 100
        if now_ds < self._look_over_ds:
            return
        self.accept([key for key, end_ds in self._rejected.items() if end_ds <= now_ds])
        next_ds = min(self._rejected.values(), default=abi.DEADLINE_NEVER)
        self._look_over_ds = max(next_ds, now_ds + 10)

    def _put(self, entries: Sequence[Entry], revision: int) -> tuple[int, list[Entry]]:
        records, expired = put_records(entries, self._clock)
        failed = self.lists.put(records) if len(records) else 0
        for record in records if failed else ():
            if record.result < 0:
                self.reject(revision, record, -record.result)
        return failed, expired


def _key_of(record: abi.ListRecord) -> EntryKey | int:
    if record.list not in _NAMES:
        return record.list
    return _NAMES[record.list], Network(bytes(record.key), record.prefix_length)
