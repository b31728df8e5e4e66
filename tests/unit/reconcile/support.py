"""A reconciler on fakes: tables, profiles, statistics page; and a writer of its log."""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from dataplane.base.clock import Deadline
from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.reconcile.reconcile import Reconciler
from dataplane.reconcile.records import EntryKey
from dataplane.reconcile.rejections import Rejection
from dataplane.statelog import (
    Change,
    ListName,
    Overlay,
    Put,
    Remove,
    RuleRow,
    StateLogReader,
    StateLogWriter,
)
from dataplane.tables.lists import ListsUsage
from dataplane.waf.document import Rule
from tests.support.clock import FakeClock

DATABASE = UUID(int=7)
LISTS: tuple[ListName, ...] = ("blacklist", "allowlist")
Poison: TypeAlias = dict[str, Exception]
"""What is raised, by a network, ``remove`` or ``commit`` and a network, ``policy`` and a name."""


class FakeTables:
    """A `ListTable`; prefixes are in force only after commit."""

    def __init__(self, entries_max: int = 1 << 30, poison: Poison | None = None) -> None:
        self.entries_max = entries_max
        self.poison = {} if poison is None else poison
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
            _taste(self.poison, str(_key(record)[1]))
        for record in records:
            key = _key(record)
            if key not in self.entries and len(self.entries) >= entries_max:
                record.result = -errno.ENOSPC
                failed += 1
                continue
            record.result = int(key in self.entries)
            self.entries[key] = record.deadline_ds
            self._generation[key] = self._current
            if key[1].is_address:
                self.in_force[key] = record.deadline_ds
        return failed

    def remove(self, records: ctypes.Array[abi.ListRecord]) -> int:
        keys = [_key(record) for record in records]
        for _, network in keys:
            _taste(self.poison, f"remove {network}")
        return sum(self._drop(key) for key in keys)

    def commit(self) -> bool:
        if self.busy_commits:
            self.busy_commits -= 1
            return False
        for _, network in self.entries:
            _taste(self.poison, f"commit {network}")
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

    def __init__(self, poison: Poison | None = None) -> None:
        self.document: Mapping[str, Any] | None = None
        self.overlays: tuple[Overlay, ...] = ()
        self.poison = {} if poison is None else poison

    def apply(self, document: Mapping[str, Any] | None) -> None:
        _taste(self.poison, f"policy {document['name'] if document else ''}")
        if document and document.get("name") == "bad":
            raise InvalidInputError("bad", field="policy")
        self.document = document

    def lay_over(self, overlays: Sequence[Overlay]) -> None:
        _taste(self.poison, "overlays")
        self.overlays = tuple(overlays)


class FakeRules:
    """A `RuleTable` that compiles when it is told to (`compiled`)."""

    def __init__(self) -> None:
        self.rules: dict[int, Rule] = {}
        self.put_in: dict[int, int] = {}
        self.compiled = 1 << 60
        """Through which revision."""
        self._kept: set[int] = set()

    def put(self, rules: Sequence[Rule], revision: int) -> None:
        for rule in rules:
            self.rules[rule.number], self.put_in[rule.number] = rule, revision
            self._kept.add(rule.number)

    def remove(self, numbers: Sequence[int], revision: int) -> None:  # noqa: ARG002
        for number in numbers:
            self.rules.pop(number, None)

    def begin_generation(self) -> None:
        self._kept = set()

    def sweep(self) -> None:
        self.rules = {n: rule for n, rule in self.rules.items() if n in self._kept}

    def in_force_through(self, revision: int) -> int:
        return min(revision, self.compiled)


class FakePublished:
    """Remembers what a client would see."""

    def __init__(self) -> None:
        self.database_id: UUID | None = None
        self.applied = self.through_rules = 0
        self.loading_revision = 0
        self.drains = False
        self.flags = abi.Degraded(0)
        self.rejections: list[tuple[int, int]] = []
        self.reasons: list[str] = []
        self.notices: list[abi.NoticeKind] = []

    def database(self, database_id: UUID | None) -> None:
        self.applied = self.through_rules = 0
        self.database_id = database_id

    def applied_through(self, revision: int) -> None:
        self.applied = revision

    def rules_through(self, revision: int) -> None:
        self.through_rules = revision

    def drain(self, *, on: bool) -> None:
        self.drains = on

    def loading(self, revision: int) -> None:
        self.loading_revision = revision

    def degraded(self, flag: abi.Degraded, *, on: bool) -> None:
        self.flags = self.flags | flag if on else self.flags & ~flag

    def rejected(self, rejection: Rejection) -> None:
        self.rejections.append((rejection.revision, rejection.error))
        self.reasons.append(rejection.text)

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
        self.poison: Poison = {}
        self.restart()

    def restart(self) -> None:
        self.tables = FakeTables(self.entries_max, self.poison)
        self.profiles = FakeProfiles(self.poison)
        self.rules = FakeRules()
        self.published = FakePublished()
        self.reconciler = Reconciler(
            StateLogReader(self.directory),
            self.tables,
            self.profiles,
            self.rules,
            self.published,
            self.clock,
        )
        self.reconciler.start()

    def begin(
        self,
        *entries: Put,
        revision: int = 0,
        database: UUID = DATABASE,
        rules: Iterable[RuleRow] = (),
    ) -> None:
        assert self.writer.open(database) is None
        self.writer.snapshot(database, revision, entries, None, rules)
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


def _taste(poison: Poison, what: str) -> None:
    if what in poison:
        raise poison[what]


def _key(record: abi.ListRecord) -> EntryKey:
    return LISTS[record.list], Network(bytes(record.key), record.prefix_length)


def spoil(path: Path) -> None:
    """Cut a file in its middle."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
