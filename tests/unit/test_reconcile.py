"""The tables become what the state log says: whatever happens to the files, and in what order."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dataplane.base.clock import Deadline
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.statelog import (
    SetPolicy,
    State,
    files,
    follower,
)
from tests.support.clock import DAY_MS
from tests.support.old_state_log import make_format_1
from tests.unit.reconcile_support import DATABASE, Node, put, remove, spoil


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


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


def test_without_a_doorbell_it_is_found_before_long(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"))
    node.clock.pass_ms(50)
    node.reconciler.turn()
    assert node.published.in_force(1)


def test_it_is_busy_exactly_as_long_as_there_is_work(node: Node) -> None:
    node.begin()
    node.reconciler.turn()
    assert not node.reconciler.is_busy
    node.reconciler.doorbell()
    assert node.reconciler.is_busy

    node.append(1, put("10.0.0.0/8"))
    node.tables.busy_commits = 1  # workers still read what was built before
    node.reconciler.turn()
    assert node.reconciler.is_busy
    node.reconciler.turn()
    assert not node.reconciler.is_busy

    for revision in range(2, 5):
        node.append(revision, put(f"192.0.2.{revision}"))
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=0)
    assert node.reconciler.is_busy
    node.settle()
    node.reconciler.turn()
    assert not node.reconciler.is_busy


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
    node.append(2, file.change([("blacklist", Network.parse("198.51.100.0"))]))
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
        if revision == 2:
            node.writer.begin_compaction()
    if read_meanwhile:
        node.settle()
    other = [put("192.0.2.77")]  # to see whether it is read
    node.writer.compact(DATABASE, 2, State(other), contextlib.nullcontext())
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


def test_a_changed_byte_anywhere_in_the_log_is_never_applied_as_something_else(
    node: Node,
) -> None:
    node.begin(put("192.0.2.1"))
    states = [node.blacklist()]
    for number in range(2, 5):
        node.append(number, put(f"192.0.2.{number}"))
        node.settle()
        states.append(node.blacklist())
    node.writer.close()
    path = node.directory / "0000000001.log.ndjson"
    whole = path.read_bytes()
    header = whole.index(b"\n")
    for at in range(header + 1, len(whole) - 1):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        node.restart()
        good = whole[:at].count(b"\n") - 1
        assert (node.blacklist(), node.published.applied) == (states[good], good and good + 1)
        assert node.published.flags == abi.Degraded.STATE_LOG


def test_a_line_that_becomes_another_while_the_log_is_followed_is_not_applied(node: Node) -> None:
    node.begin()
    node.append(1, put("192.0.2.1"))
    node.settle()
    node.append(2, put("192.0.2.2"))
    path = node.directory / "0000000001.log.ndjson"
    path.write_bytes(path.read_bytes().replace(b"192.0.2.2", b"192.0.2.7"))
    node.append(3, put("192.0.2.3"))
    node.settle()
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.flags == abi.Degraded.STATE_LOG


def test_a_log_of_format_1_degrades_until_there_is_a_new_generation(node: Node) -> None:
    node.begin(put("192.0.2.1"))
    node.append(1, put("192.0.2.2"))
    make_format_1(node.directory)
    node.restart()
    assert (node.blacklist(), node.published.flags) == ([], abi.Degraded.STATE_LOG)
    node.begin(put("192.0.2.1"), put("192.0.2.2"), revision=1)
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2"]
    assert node.published.flags == abi.Degraded(0)


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


def test_a_policy_that_comes_while_it_runs_is_noticed_once_it_is_in_force(node: Node) -> None:
    node.begin()
    node.append(1, SetPolicy({"name": "bad"}))
    node.append(2, SetPolicy({"name": "good"}))
    node.settle()
    assert node.published.notices.count(abi.NoticeKind.POLICY_APPLIED) == 1


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

    def refuse(_path: object) -> Iterator[os.DirEntry[str]]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refuse)
        node.settle()
        assert node.published.flags == abi.Degraded.STATE_LOG
    node.settle()
    assert node.published.flags == abi.Degraded(0)
    assert node.published.notices[-1] == abi.NoticeKind.STATE_LOG_RECOVERED


def test_a_directory_with_too_many_files_degrades_until_they_are_gone(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.begin(put("192.0.2.1"))
    with monkeypatch.context() as patch:
        patch.setattr(files, "FILES_MAX", 10)
        for number in range(10):
            (node.directory / f"junk-{number}").touch()
        node.settle()
        assert node.published.flags == abi.Degraded.STATE_LOG
        assert node.blacklist() == ["192.0.2.1"]
        for path in node.directory.glob("junk-*"):
            path.unlink()
        node.settle()
        assert node.published.flags == abi.Degraded(0)


def test_a_generation_whose_log_begins_far_back_is_gone_over_to_by_its_snapshot(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading what is known anyway keeps no turn busy for long."""
    node.begin()
    node.writer.begin_compaction()
    changes = [put(f"10.0.{i >> 8}.{i & 255}") for i in range(2000)]
    for revision in range(1, 4):  # more than one read of 64 KiB
        node.append(revision, *changes)
    node.settle()
    other = [put("192.0.2.77")]  # to see whether it is read
    monkeypatch.setattr(follower, "SKIP_BYTES_MAX", 1)
    node.writer.compact(DATABASE, 0, State(other), contextlib.nullcontext())
    node.settle()
    assert "192.0.2.77" in node.blacklist()
    assert (node.published.applied, node.published.flags) == (3, abi.Degraded(0))
