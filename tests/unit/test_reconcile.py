"""The tables become what the state log says: whatever happens to the files, and in what order."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from dataplane import abi
from dataplane.applying import EntryKey
from dataplane.clock import Deadline
from dataplane.errors import InvalidInputError
from dataplane.networks import Network
from dataplane.reconcile import Reconciler
from dataplane.statelog import (
    Change,
    Import,
    ListName,
    Put,
    Remove,
    SetPolicy,
    StateLogReader,
    StateLogWriter,
)
from dataplane.tables import ListsUsage
from tests.support.clock import DAY_MS, FakeClock

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


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


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


def test_at_first_boot_there_is_nothing_and_nothing_is_wrong(node: Node) -> None:
    assert (node.published.applied, node.published.flags) == (0, abi.Degraded(0))
    node.begin(put("192.0.2.1"))
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.database_id == DATABASE


def test_a_line_is_in_force_after_a_turn_with_a_doorbell(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"), put("10.0.0.0/8"))
    node.reconciler.doorbell()
    node.reconciler.turn()
    assert node.blacklist() == ["10.0.0.0/8", "192.0.2.1"]
    assert node.published.in_force(1)


def test_without_a_doorbell_it_is_found_within_50_ms(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"))
    node.clock.pass_ms(50)
    node.reconciler.turn()
    assert node.published.in_force(1)


def test_prefixes_of_many_lines_are_committed_once_a_turn(node: Node) -> None:
    node.begin()
    before = node.tables.commits
    for revision in range(1, 20):
        node.append(revision, put(f"10.{revision}.0.0/16"))
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=1000)
    assert node.tables.commits == before + 1
    assert node.published.applied == 19


def test_a_prefix_is_not_said_to_be_in_force_before_its_commit(node: Node) -> None:
    node.begin()
    node.tables.busy_commits = 3
    node.append(1, put("192.0.2.1"))
    node.append(2, put("10.0.0.0/8"))
    for _ in range(3):
        node.reconciler.doorbell()
        node.reconciler.turn()
        assert node.published.applied == 1
    node.settle()
    assert node.published.applied == 2


def test_after_a_restart_everything_is_there_before_start_returns(node: Node) -> None:
    node.begin(put("192.0.2.1"), put("192.0.2.2"))
    node.append(1, remove("192.0.2.1"), SetPolicy({"name": "p"}))
    with node.writer.import_file("2") as file:
        file.write([put(f"198.51.100.{i}") for i in range(9)] + [put("10.0.0.0/8")])
    node.append(2, Import(file.file, file.count, (("blacklist", Network.parse("198.51.100.0")),)))
    node.append(3, remove("198.51.100.1"))
    node.restart()
    assert node.blacklist() == sorted(
        ["10.0.0.0/8", "192.0.2.2", *(f"198.51.100.{i}" for i in range(2, 9))]
    )
    assert node.profiles.document == {"name": "p"}
    assert node.published.in_force(2)
    assert node.published.in_force(3)


@pytest.mark.parametrize("step_ms", [-DAY_MS, 0, DAY_MS])
def test_a_clock_step_does_not_change_when_a_ban_ends(node: Node, step_ms: int) -> None:
    deadline = Deadline.after(node.clock, 3600)
    node.begin()
    node.clock.step_ms(step_ms)
    node.append(1, put("192.0.2.1", deadline))
    node.settle()
    node.restart()
    assert list(node.tables.in_force.values()) == [deadline.boot_ms // 100]


def test_after_a_reboot_utc_says_what_is_left(node: Node) -> None:
    node.begin(put("192.0.2.1", Deadline.after(node.clock, 3600)))
    node.append(1, put("192.0.2.2", Deadline.after(node.clock, 60)))
    node.clock.reboot(off_ms=600_000, up_ms=5_000)
    node.restart()
    assert node.blacklist() == ["192.0.2.1"]
    assert list(node.tables.in_force.values()) == [(5_000 + 3_600_000 - 605_000) // 100]


def test_after_a_reboot_a_clock_set_back_does_not_prolong_a_ban(node: Node) -> None:
    node.begin(put("192.0.2.1", Deadline.after(node.clock, 3600)))
    node.clock.reboot()
    node.clock.step_ms(-DAY_MS)
    node.restart()
    assert list(node.tables.in_force.values()) == [36_000]


def test_an_expired_put_does_not_leave_what_it_replaced(node: Node) -> None:
    node.begin(put("192.0.2.1"))
    node.append(1, put("192.0.2.1", Deadline.after(node.clock, 1)))
    node.clock.pass_ms(2000)
    node.restart()
    assert node.blacklist() == []


def test_a_deadline_beyond_the_tables_range_is_not_taken_for_no_end(node: Node) -> None:
    node.begin(put("192.0.2.1", Deadline.after(node.clock, 315_360_000)))
    assert list(node.tables.in_force.values()) == [abi.DEADLINE_NEVER - 1]


def test_a_restored_older_database_is_loaded_whole(node: Node) -> None:
    node.begin(put("192.0.2.1"), revision=40)
    node.append(41, put("192.0.2.2"))
    node.settle()
    restored = uuid4()
    node.begin(put("192.0.2.1"), put("192.0.2.9"), revision=12, database=restored)
    assert node.blacklist() == ["192.0.2.1", "192.0.2.9"]
    assert (node.published.database_id, node.published.applied) == (restored, 12)


def test_a_restored_state_log_is_loaded_although_its_numbers_are_behind(
    node: Node, tmp_path: Path
) -> None:
    node.begin(put("192.0.2.1"), revision=40)
    backup = shutil.copytree(node.directory, tmp_path / "backup")
    node.begin(put("192.0.2.1"), put("192.0.2.2"), revision=41, database=uuid4())
    node.append(42, put("192.0.2.3"))
    node.settle()
    node.writer.close()
    shutil.rmtree(node.directory)
    shutil.copytree(backup, node.directory)
    node.settle()
    assert node.blacklist() == ["192.0.2.1"]
    assert (node.published.database_id, node.published.applied) == (DATABASE, 40)
    assert node.writer.open(DATABASE) == 40
    node.append(41, put("192.0.2.9"))
    node.settle()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.9"]
    assert node.published.flags == abi.Degraded(0)


def test_a_state_log_that_is_gone_leaves_the_running_state(node: Node) -> None:
    node.begin(put("192.0.2.1"))
    shutil.rmtree(node.directory)
    node.settle()
    assert node.blacklist() == ["192.0.2.1"]


def test_a_restored_database_finds_room_in_tables_that_are_full_of_another(node: Node) -> None:
    node.tables.entries_max = 2
    node.begin(put("192.0.2.1"), put("192.0.2.2"))
    node.begin(put("192.0.2.1"), put("198.51.100.0/24"), revision=12, database=uuid4())
    assert node.blacklist() == ["192.0.2.1", "198.51.100.0/24"]
    assert (node.published.rejections, node.published.applied) == ([], 12)


def test_room_that_workers_still_hold_after_the_sweep_is_waited_for(node: Node) -> None:
    node.tables.entries_max = 2
    node.begin(put("192.0.2.1"), put("192.0.2.2"))
    node.tables.puts_without_room = 5
    node.begin(put("198.51.100.1"), put("198.51.100.2"), revision=12, database=uuid4())
    assert node.blacklist() == ["198.51.100.1", "198.51.100.2"]
    assert (node.published.rejections, node.published.applied) == ([], 12)


def test_a_restored_database_that_does_not_fit_is_rejected_in_part(node: Node) -> None:
    node.tables.entries_max = 2
    node.begin(put("192.0.2.1"), put("192.0.2.2"))
    node.begin(*(put(f"198.51.100.{i}") for i in range(3)), revision=12, database=uuid4())
    assert node.blacklist() == ["198.51.100.0", "198.51.100.1"]
    assert node.published.rejections == [(12, errno.ENOSPC)]


def test_compaction_is_followed_without_a_reload(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"))
    node.writer.snapshot(DATABASE, 1, [put("192.0.2.77")], None)  # to see whether it is read
    node.append(2, put("192.0.2.2"))
    node.settle()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2"]
    assert node.published.applied == 2


@pytest.mark.parametrize("read_meanwhile", [False, True])
def test_compaction_behind_the_readers_back_is_followed_without_a_reload(
    node: Node, read_meanwhile: bool
) -> None:
    node.begin()
    for revision in range(1, 6):
        node.append(revision, put(f"192.0.2.{revision}"))
    if read_meanwhile:
        node.settle()
    other = [put("192.0.2.77")]  # to see whether it is read
    node.writer.compact(DATABASE, 2, other, None, contextlib.nullcontext())
    node.append(6, put("192.0.2.6"), remove("192.0.2.1"))
    node.settle()
    assert node.blacklist() == [f"192.0.2.{n}" for n in range(2, 7)]
    assert node.published.applied == 6


def test_generations_that_were_missed_are_made_up_for_by_a_snapshot(node: Node) -> None:
    node.begin()
    for revision in range(1, 9):
        node.append(revision, put("192.0.2.1"))
        node.writer.snapshot(DATABASE, revision, [put("192.0.2.1")], None)
    node.append(9, put("192.0.2.2"))
    node.settle()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2"]
    assert node.published.applied == 9


def test_a_damaged_snapshot_falls_back_to_the_generation_before_and_its_log(node: Node) -> None:
    node.begin(put("192.0.2.1"))
    node.append(1, put("192.0.2.2"))
    node.writer.snapshot(DATABASE, 1, [put("192.0.2.1"), put("192.0.2.2")], None)
    node.append(2, put("192.0.2.3"))
    spoil(node.directory / "0000000002.snapshot.ndjson")
    node.restart()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert node.published.applied == 2
    assert node.published.flags == abi.Degraded.STATE_LOG
    assert node.published.notices == [abi.NoticeKind.STATE_LOG_DEGRADED]


def test_a_new_generation_mends_what_a_damaged_log_broke(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"))
    with (node.directory / "0000000001.log.ndjson").open("ab") as log:
        log.write(b"garbage\n")
    node.settle()
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.flags == abi.Degraded.STATE_LOG
    node.begin(put("192.0.2.1"), put("192.0.2.2"), revision=2)
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2"]
    assert node.published.flags == abi.Degraded(0)
    assert node.published.notices[-1] == abi.NoticeKind.STATE_LOG_RECOVERED


def test_a_damaged_new_generation_leaves_the_running_state(node: Node) -> None:
    node.begin(put("192.0.2.1"))
    node.writer.snapshot(uuid4(), 3, [put("192.0.2.2")] * 2, None)
    spoil(node.directory / "0000000002.snapshot.ndjson")
    node.settle()
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.flags == abi.Degraded.STATE_LOG
    assert node.published.database_id == DATABASE


def test_a_directory_that_is_all_garbage_is_the_default_profile_and_degraded(
    tmp_path: Path,
) -> None:
    for name in ("snapshot", "log"):
        (tmp_path / f"0000000004.{name}.ndjson").write_bytes(b"\xff\n")
    node = Node(tmp_path)
    assert node.published.flags == abi.Degraded.STATE_LOG
    node.begin(put("192.0.2.1"))
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.flags == abi.Degraded(0)


def test_what_does_not_fit_is_rejected_and_holds_up_nobody(node: Node) -> None:
    node.begin()
    node.tables.entries_max = 1
    node.append(1, put("192.0.2.1"))
    node.append(2, put("192.0.2.2"))
    node.append(3, SetPolicy({"name": "p"}))
    node.settle()
    assert node.published.rejections == [(2, errno.ENOSPC)]
    assert node.published.applied == 3
    assert node.published.flags == abi.Degraded.REJECTED
    node.append(4, remove("192.0.2.2"))
    node.settle()
    assert node.published.flags == abi.Degraded(0)


def test_a_policy_that_does_not_compile_is_rejected_and_the_old_one_stays(node: Node) -> None:
    node.begin()
    node.append(1, SetPolicy({"name": "good"}))
    node.append(2, SetPolicy({"name": "bad"}))
    node.append(3, put("192.0.2.1"))
    node.settle()
    assert node.profiles.document == {"name": "good"}
    assert node.published.rejections == [(2, errno.EINVAL)]
    assert node.published.applied == 3


@pytest.mark.parametrize("damage", ["missing", "cut", "count"])
def test_an_import_that_cant_be_read_is_rejected_whole(node: Node, damage: str) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write([put("192.0.2.1"), put("192.0.2.2")])
    if damage == "missing":
        (node.directory / file.file).unlink()
    elif damage == "cut":
        spoil(node.directory / file.file)
    node.append(1, Import(file.file, 99 if damage == "count" else 2))
    node.append(2, put("192.0.2.9"))
    node.settle()
    assert node.blacklist() == ["192.0.2.9"]
    assert node.published.rejections == [(1, errno.EBADMSG)]
    assert (node.published.applied, node.published.loading_revision) == (2, 0)


def test_an_import_that_was_compacted_away_is_made_up_for_by_the_snapshot(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write([put("192.0.2.1"), put("192.0.2.2")])
    node.append(1, Import(file.file, 2))
    for _ in range(2):  # the reader is behind: nothing of its generation is left but what it holds
        node.writer.snapshot(DATABASE, 1, [put("192.0.2.1"), put("192.0.2.2")], None)
    assert not (node.directory / file.file).exists()
    node.append(2, put("192.0.2.9"))
    node.settle()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2", "192.0.2.9"]
    assert node.published.rejections == []
    assert (node.published.applied, node.published.loading_revision) == (2, 0)


def test_an_import_is_not_said_to_be_in_force_before_the_snapshot_that_mends_it(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write([put("192.0.2.1")])
    node.append(1, Import(file.file, 1))
    for _ in range(2):
        node.writer.snapshot(DATABASE, 1, [put("192.0.2.1")], None)
    for _ in range(20):
        node.reconciler.doorbell()
        node.reconciler.turn(budget_ms=0)
        assert node.blacklist() == ["192.0.2.1"] or not node.published.in_force(1)
    assert node.published.in_force(1)


def test_the_next_generation_mends_an_import_that_was_rejected(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write([put("192.0.2.1")])
    spoil(node.directory / file.file)
    node.append(1, Import(file.file, 1))
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.writer.snapshot(DATABASE, 1, [put("192.0.2.1")], None)
    node.settle()
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.flags == abi.Degraded(0)


def test_a_good_policy_ends_the_rejection_of_a_bad_one(node: Node) -> None:
    node.begin()
    node.append(1, SetPolicy({"name": "bad"}))
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.append(2, SetPolicy({"name": "good"}))
    node.settle()
    assert node.published.flags == abi.Degraded(0)


def test_a_rejected_entry_that_would_be_over_degrades_nothing_any_more(node: Node) -> None:
    node.begin()
    node.tables.entries_max = 0
    node.append(1, put("192.0.2.1", Deadline.after(node.clock, 60)))
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.clock.pass_ms(59_000)
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.clock.pass_ms(2_000)
    node.settle()
    assert node.published.flags == abi.Degraded(0)


def test_a_prefix_that_an_import_commits_is_said_to_be_in_force(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write([put("192.0.2.1")])
    node.append(1, Import(file.file, 1))
    node.append(2, put("10.0.0.0/8"))
    node.tables.busy_commits = 1  # the line's own commit
    node.settle()
    assert node.published.in_force(2)


def test_a_generation_is_noticed_whatever_the_directorys_time_says(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.begin()
    known, stat = node.directory.stat(), os.stat

    def within_one_tick(path: Path, **arguments: bool) -> os.stat_result:
        return known if path == node.directory else stat(path, **arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", within_one_tick)
        node.settle()
        node.writer.snapshot(DATABASE, 5, [put("192.0.2.5")], None)
        node.settle()
    assert node.blacklist() == ["192.0.2.5"]


def test_after_going_over_to_a_generation_its_lines_wait_for_nothing(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"))
    node.settle()
    node.writer.snapshot(DATABASE, 1, [put("192.0.2.1")], None)
    node.append(2, put("192.0.2.2"))
    node.reconciler.doorbell()
    node.reconciler.turn()
    node.reconciler.turn()
    assert node.published.in_force(2)


def test_a_disk_error_in_the_log_stops_nothing(node: Node) -> None:
    node.begin(put("192.0.2.1"))
    log = next(node.directory.glob("*.log.ndjson"))
    held = [fd for fd in Path("/proc/self/fd").iterdir() if fd.resolve() == log.resolve()]
    directory = os.open(node.directory, os.O_RDONLY)
    for fd in held:
        if fcntl.fcntl(int(fd.name), fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            os.dup2(directory, int(fd.name))  # pread says EISDIR
    os.close(directory)
    node.settle()
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.flags == abi.Degraded.STATE_LOG


def test_a_directory_that_could_not_be_listed_for_a_moment_degrades_for_a_moment(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.begin(put("192.0.2.1"))

    def refuse(_path: object) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "listdir", refuse)
        node.settle()
        assert node.published.flags == abi.Degraded.STATE_LOG
    node.settle()
    assert node.published.flags == abi.Degraded(0)
    assert node.published.notices[-1] == abi.NoticeKind.STATE_LOG_RECOVERED


class Oracle:
    """The naive truth: what every revision does, in order, on a dictionary."""

    def __init__(self) -> None:
        self.entries: dict[EntryKey, bool] = {}
        self.changed_at: dict[EntryKey, int] = {}

    def apply(self, revision: int, key: EntryKey, present: bool) -> None:
        self.entries[key] = present
        self.changed_at[key] = revision

    def check(self, node: Node) -> None:
        """Nothing that is said to be in force may differ from the truth."""
        for key, present in self.entries.items():
            if node.published.in_force(self.changed_at[key]):
                assert (key in node.tables.in_force) == present, (key, self.changed_at[key])


def test_imports_overtaken_by_single_changes_end_as_if_in_order(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    for round_number in range(3):
        node = Node(tmp_path / str(round_number))
        node.begin()
        oracle = Oracle()
        pool = [Network.parse(f"10.0.{i >> 8}.{i & 255}") for i in range(3000)]
        pool += [Network.parse(f"10.{i}.0.0/16") for i in range(1, 200)]
        revision = 0
        for _ in range(40):
            revision += 1
            if rng.random() < 0.15:
                write_import(node, oracle, rng, revision, pool)
            else:
                write_singles(node, oracle, rng, revision, pool)
            for _ in range(rng.randint(0, 4)):
                node.reconciler.doorbell()
                node.reconciler.turn(budget_ms=0)
                oracle.check(node)
            if rng.random() < 0.05:
                node.restart()
                oracle.check(node)
        while not node.published.in_force(revision) or node.published.loading_revision:
            node.reconciler.doorbell()
            node.reconciler.turn()
            oracle.check(node)
        assert set(node.tables.in_force) == {key for key, here in oracle.entries.items() if here}


def write_import(
    node: Node, oracle: Oracle, rng: random.Random, revision: int, pool: list[Network]
) -> None:
    chosen: list[EntryKey] = [(rng.choice(LISTS), network) for network in pool]
    skip = tuple(rng.sample(chosen, 50))
    with node.writer.import_file(str(revision)) as file:
        file.write(Put(name, network, None) for name, network in chosen)
    node.append(revision, Import(file.file, file.count, skip))
    for key in set(chosen) - set(skip):
        oracle.apply(revision, key, present=True)


def write_singles(
    node: Node, oracle: Oracle, rng: random.Random, revision: int, pool: list[Network]
) -> None:
    changes: list[Change] = []
    for _ in range(rng.randint(1, 20)):
        key = (rng.choice(LISTS), rng.choice(pool))
        present = rng.random() < 0.5
        changes.append(Put(*key) if present else Remove(*key))
        oracle.apply(revision, key, present=present)
    node.append(revision, *changes)
