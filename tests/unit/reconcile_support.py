"""A reconciler on fakes: tables, profiles, statistics page; and a writer of its log."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from dataplane import abi
from dataplane.applying import EntryKey
from dataplane.clock import Deadline
from dataplane.errors import InvalidInputError
from dataplane.networks import Network
from dataplane.reconcile import Reconciler
from dataplane.statelog import (
    Change,
    ListName,
    Put,
    Remove,
    StateLogReader,
    StateLogWriter,
)
from dataplane.tables import ListsUsage
from tests.support.clock import FakeClock

DATABASE = UUID(int=7)
LISTS: tuple[ListName, ...] = ("blacklist", "allowlist")


class FakeTables:
    """A `ListTable`; prefixes are in force only after commit."""

    def __init__(self, entries_max: int = 1 << 30) -> None:
        self.entries_max = entries_max
        self.entries: dict[EntryKey, int] = {}
        self.in_force: dict[EntryKey, int] = {}
        self.commits = 0
        self.busy_commits = 0
        self.puts_without_room = 0
        self._generation: dict[EntryKey, int] = {}
        self._current = 0
        self._swept = False

    def put(self, records: ctypes.Array[abi.ListRecord]) -> int:
        failed = 0
        late = self._swept and self.puts_without_room > 0
        self.puts_without_room -= late
        entries_max = 0 if late else self.entries_max
        for record in records:
            key = _key(record)
            if key not in self.entries and len(self.entries) >= entries_max:
                record.result = -errno.ENOSPC
                failed += 1
                continue
            self.entries[key] = record.deadline_ds
            self._generation[key] = self._current
            if key[1].is_address:
                self.in_force[key] = record.deadline_ds
        return failed

    def remove(self, records: ctypes.Array[abi.ListRecord]) -> int:
        keys = [_key(record) for record in records]
        return sum(self._drop(key) for key in keys)

    def commit(self) -> bool:
        if self.busy_commits:
            self.busy_commits -= 1
            return False
        self.commits += 1
        self.in_force = dict(self.entries)
        return True

    def begin_generation(self) -> None:
        self._current += 1
        self._swept = False

    def sweep(self, budget: int) -> bool:
        self._swept = True
        old = [key for key in self.entries if self._generation[key] != self._current]
        for key in old[:budget]:
            self._drop(key)
        return len(old) > budget

    def usage(self) -> ListsUsage:
        return ListsUsage(0, len(self.entries), 0, 0, 0, 0)

    def _drop(self, key: EntryKey) -> bool:
        if key[1].is_address:
            self.in_force.pop(key, None)
        return self.entries.pop(key, None) is not None


class FakeProfiles:
    """Refuses the policy called ``bad``."""

    def __init__(self) -> None:
        self.document: Mapping[str, Any] | None = None

    def apply(self, document: Mapping[str, Any] | None) -> None:
        if document and document.get("name") == "bad":
            raise InvalidInputError("bad", field="policy")
        self.document = document


class FakePublished:
    """Remembers what a client would see."""

    def __init__(self) -> None:
        self.database_id: UUID | None = None
        self.applied = 0
        self.loading_revision = 0
        self.flags = abi.Degraded(0)
        self.rejections: list[tuple[int, int]] = []
        self.notices: list[abi.NoticeKind] = []

    def database(self, database_id: UUID | None) -> None:
        self.applied, self.database_id = 0, database_id

    def applied_through(self, revision: int) -> None:
        self.applied = revision

    def loading(self, revision: int) -> None:
        self.loading_revision = revision

    def degraded(self, flag: abi.Degraded, *, on: bool) -> None:
        self.flags = self.flags | flag if on else self.flags & ~flag

    def rejected(self, revision: int, record: abi.ListRecord, error: int) -> None:  # noqa: ARG002
        self.rejections.append((revision, error))

    def usage(self, usage: ListsUsage) -> None:
        pass

    def notice(self, kind: abi.NoticeKind, value: int, /) -> None:  # noqa: ARG002
        self.notices.append(kind)

    def in_force(self, revision: int) -> bool:
        return self.applied >= revision and self.loading_revision != revision


class Node:
    """A writer and a reconciler on one directory; `restart` is a new data plane."""

    def __init__(self, directory: Path, clock: FakeClock | None = None) -> None:
        self.directory = directory
        self.clock = clock or FakeClock()
        self.writer = StateLogWriter(directory, self.clock)
        self.entries_max = 1 << 30
        self.restart()

    def restart(self) -> None:
        self.tables = FakeTables(self.entries_max)
        self.profiles = FakeProfiles()
        self.published = FakePublished()
        self.reconciler = Reconciler(
            StateLogReader(self.directory),
            self.tables,
            self.profiles,
            self.published,
            self.clock,
        )
        self.reconciler.start()

    def begin(self, *entries: Put, revision: int = 0, database: UUID = DATABASE) -> None:
        assert self.writer.open(database) is None
        self.writer.snapshot(database, revision, entries, None)
        self.settle()

    def append(self, revision: int, *changes: Change) -> None:
        self.writer.append(revision, changes)

    def settle(self) -> None:
        """Turns until nothing more happens."""
        for _ in range(50):
            self.reconciler.doorbell()
            self.reconciler.turn()

    def blacklist(self) -> list[str]:
        return sorted(str(network) for name, network in self.tables.in_force)


def put(text: str, deadline: Deadline | None = None, name: ListName = "blacklist") -> Put:
    return Put(name, Network.parse(text), deadline)


def remove(text: str) -> Remove:
    return Remove("blacklist", Network.parse(text))


def _key(record: abi.ListRecord) -> EntryKey:
    return LISTS[record.list], Network(bytes(record.key), record.prefix_length)


def spoil(path: Path) -> None:
    """Cut a file in its middle."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
