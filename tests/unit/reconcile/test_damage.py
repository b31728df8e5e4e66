"""State logs that are damaged, or can't be read: the node goes on, and says so."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from dataplane.native import abi
from dataplane.statelog import (
    files,
)
from tests.support.documents.old_state_log import make_format_1
from tests.unit.reconcile.support import DATABASE, Node, put, spoil


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


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
