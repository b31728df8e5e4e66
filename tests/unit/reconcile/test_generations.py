"""Restored databases, and generations of the state log: what is loaded, and what is not."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from pathlib import Path
from uuid import uuid4

import pytest

from dataplane.native import abi
from dataplane.statelog import (
    State,
    follower,
)
from tests.unit.reconcile.support import DATABASE, Node, put, remove


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


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
