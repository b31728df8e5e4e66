"""Imports, whatever happens to their files and beside them."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.reconcile.records import EntryKey
from dataplane.statelog import (
    Change,
    Put,
    Remove,
)
from tests.unit.reconcile.support import DATABASE, LISTS, Node, put, spoil


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


DAMAGES = ["missing", "cut", "changed", "count", "other"]


def append_damaged(node: Node, revision: int, damage: str) -> None:
    """An import of which nothing can be believed."""
    with node.writer.import_file(str(revision)) as file:
        file.write([put("192.0.2.1"), put("192.0.2.2")])
    path, change = node.directory / file.file, file.change()
    match damage:
        case "missing":
            path.unlink()
        case "cut":
            spoil(path)
        case "changed":
            path.write_bytes(path.read_bytes().replace(b"192.0.2.1", b"192.0.2.7"))
        case "count":
            change = dataclasses.replace(change, count=99)
        case "other":
            with node.writer.import_file("other") as other:
                other.write([put("192.0.2.7"), put("192.0.2.8")])
            (node.directory / other.file).replace(path)
    node.append(revision, change)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("restart", [False, True])
def test_an_import_that_cant_be_read_degrades_and_nothing_from_it_on_is_said_to_be_in_force(
    node: Node, damage: str, restart: bool
) -> None:
    node.begin()
    node.append(1, put("192.0.2.3"))
    append_damaged(node, 2, damage)
    node.append(3, put("192.0.2.9"))
    if restart:
        node.restart()
    node.settle()
    assert node.blacklist() == ["192.0.2.3", "192.0.2.9"]
    assert node.published.flags == abi.Degraded.STATE_LOG
    assert node.published.notices == [abi.NoticeKind.STATE_LOG_DEGRADED]
    assert [node.published.in_force(revision) for revision in (1, 2, 3)] == [True, False, False]


def test_imports_behind_one_that_cant_be_read_are_applied(node: Node) -> None:
    node.begin()
    append_damaged(node, 1, "changed")
    with node.writer.import_file("2") as file:
        file.write([put("198.51.100.1")])
    node.append(2, file.change())
    append_damaged(node, 3, "cut")
    node.settle()
    assert node.blacklist() == ["198.51.100.1"]
    assert not any(node.published.in_force(revision) for revision in (1, 2, 3))
    node.writer.snapshot(DATABASE, 3, [put("192.0.2.1"), put("198.51.100.1")], None)
    node.settle()
    assert node.blacklist() == ["192.0.2.1", "198.51.100.1"]
    assert all(node.published.in_force(revision) for revision in (1, 2, 3))
    assert node.published.flags == abi.Degraded(0)


def test_an_import_that_was_compacted_away_is_made_up_for_by_the_snapshot(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write([put("192.0.2.1"), put("192.0.2.2")])
    node.append(1, file.change())
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
    node.append(1, file.change())
    for _ in range(2):
        node.writer.snapshot(DATABASE, 1, [put("192.0.2.1")], None)
    for _ in range(20):
        node.reconciler.doorbell()
        node.reconciler.turn(budget_ms=0)
        assert node.blacklist() == ["192.0.2.1"] or not node.published.in_force(1)
    assert node.published.in_force(1)


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_next_generation_mends_an_import_that_cant_be_read(node: Node, damage: str) -> None:
    node.begin()
    append_damaged(node, 1, damage)
    node.settle()
    assert node.published.flags == abi.Degraded.STATE_LOG
    node.writer.snapshot(DATABASE, 1, [put("192.0.2.1")], None)
    node.append(2, put("192.0.2.9"))
    node.settle()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.9"]
    assert node.published.flags == abi.Degraded(0)
    assert node.published.notices[-1] == abi.NoticeKind.STATE_LOG_RECOVERED
    assert (node.published.applied, node.published.loading_revision) == (2, 0)


def test_it_is_busy_until_an_import_is_loaded(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write(put(f"10.0.{n >> 8}.{n & 255}") for n in range(5000))
    node.append(1, file.change())
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=0)
    assert (node.published.in_force(1), node.reconciler.is_busy) == (False, True)
    while node.reconciler.is_busy:
        node.reconciler.turn()
    assert node.published.in_force(1)


def test_a_prefix_that_an_import_commits_is_said_to_be_in_force(node: Node) -> None:
    node.begin()
    with node.writer.import_file("1") as file:
        file.write([put("192.0.2.1")])
    node.append(1, file.change())
    node.append(2, put("10.0.0.0/8"))
    node.tables.busy_commits = 1  # the line's own commit
    node.settle()
    assert node.published.in_force(2)


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
    node.append(revision, file.change(skip))
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
