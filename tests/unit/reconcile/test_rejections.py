"""What can't be applied, whatever it raises, is rejected; the state before it stays; all else is
applied, also by the next data plane that reads the same log."""

from __future__ import annotations

import ctypes
import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dataplane.base.errors import InvalidInputError, NativeError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.statelog import Change, Import, Put, SetPolicy
from tests.unit.reconcile.support import DATABASE, Node, put, remove

BAD = "192.0.2.66"
ERRORS: list[tuple[Exception, int, str]] = [
    (MemoryError(), errno.ENOMEM, ""),
    (IndexError("invalid index"), errno.EINVAL, "internal error, IndexError: invalid index"),
    (ctypes.ArgumentError("no"), errno.EINVAL, "internal error, ArgumentError: no"),
    (RecursionError(), errno.EINVAL, "internal error, RecursionError: "),
    (OverflowError("big"), errno.EINVAL, "internal error, OverflowError: big"),
    (NativeError("table: no room", errno.ENOSPC), errno.ENOSPC, "table: no room"),
    (InvalidInputError("rules: no", field="rules"), errno.EINVAL, "rules: no"),
]


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path / "state")


def an_import(node: Node) -> Import:
    """Of many chunks, the bad entry in one of the last."""
    with node.writer.import_file("2") as file:
        file.write(put(f"10.0.{n >> 8}.{n & 255}") for n in range(3000))
        file.write([put(BAD), put("10.9.0.0/16")])
    return file.change()


KINDS: dict[str, tuple[str, Callable[[Node], Change]]] = {
    "put": (BAD, lambda _: put(BAD)),
    "put of a prefix": ("192.0.2.0/28", lambda _: put("192.0.2.0/28")),
    "remove": ("remove 192.0.2.1", lambda _: remove("192.0.2.1")),
    "import": (BAD, an_import),
    "policy": ("policy poison", lambda _: SetPolicy({"name": "poison"})),
}


@pytest.mark.parametrize(("error", "number", "text"), ERRORS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_line_of_every_kind_that_cant_be_applied_is_rejected_and_what_follows_is_applied(
    node: Node, kind: str, error: Exception, number: int, text: str
) -> None:
    poisoned, make = KINDS[kind]
    node.poison[poisoned] = error
    node.begin(put("192.0.2.1"))
    node.append(1, SetPolicy({"name": "good"}))
    node.append(2, make(node))
    node.append(3, put("192.0.2.9"), put("198.51.100.0/24"))
    node.settle()
    for _ in range(2):
        assert node.blacklist() == ["192.0.2.1", "192.0.2.9", "198.51.100.0/24"]
        assert node.profiles.document == {"name": "good"}
        assert node.published.rejections == [(2, number)]
        assert node.published.reasons == [text]
        assert node.published.in_force(3)
        assert node.published.loading_revision == 0
        assert node.published.flags == abi.Degraded.REJECTED
        node.restart()


@pytest.mark.parametrize("kind", KINDS)
def test_a_mended_change_behind_it_ends_the_rejection(node: Node, kind: str) -> None:
    poisoned, make = KINDS[kind]
    node.poison[poisoned] = IndexError("invalid index")
    node.begin(put("192.0.2.1"))
    node.append(2, make(node))
    node.settle()
    assert node.published.flags == abi.Degraded.REJECTED
    node.poison.clear()
    if kind == "import":
        node.writer.snapshot(DATABASE, 2, [put("192.0.2.1"), put(BAD)], None)
    else:
        node.append(3, make(node))
    node.settle()
    assert node.published.flags == abi.Degraded(0)


def test_the_other_changes_of_a_line_are_applied(node: Node) -> None:
    node.poison[BAD] = IndexError("invalid index")
    node.begin()
    node.append(1, put("192.0.2.1"), put(BAD), put("10.0.0.0/8"), SetPolicy({"name": "good"}))
    node.settle()
    assert node.blacklist() == ["10.0.0.0/8", "192.0.2.1"]
    assert node.profiles.document == {"name": "good"}
    assert node.published.rejections == [(1, errno.EINVAL)]


def test_the_policy_of_a_snapshot_that_cant_be_applied_is_rejected_and_its_entries_are_in_force(
    node: Node,
) -> None:
    node.poison["policy poison"] = IndexError("invalid index")
    node.begin()
    node.writer.snapshot(DATABASE, 5, [put("192.0.2.1")], {"name": "poison"})
    node.settle()
    for _ in range(2):
        assert node.blacklist() == ["192.0.2.1"]
        assert node.profiles.document is None
        assert node.published.rejections == [(5, errno.EINVAL)]
        assert node.published.applied == 5
        node.restart()
    node.append(6, SetPolicy({"name": "mended"}))
    node.settle()
    assert node.profiles.document == {"name": "mended"}
    assert node.published.flags == abi.Degraded(0)


def test_a_snapshot_that_cant_be_applied_leaves_the_generation_before_it(node: Node) -> None:
    node.poison[BAD] = MemoryError()
    node.begin(put("192.0.2.1"), revision=1)
    node.writer.snapshot(DATABASE, 5, [put("192.0.2.1"), put(BAD)], None)
    node.settle()
    for _ in range(2):
        assert node.blacklist() == ["192.0.2.1"]
        assert node.published.flags == abi.Degraded.STATE_LOG
        node.reconciler.turn()
        assert not node.reconciler.is_busy, "it is not tried for ever"
        node.restart()
    node.writer.snapshot(DATABASE, 6, [put("192.0.2.1"), put("192.0.2.2")], None)
    node.settle()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2"]
    assert node.published.flags == abi.Degraded(0)


def test_the_log_of_a_snapshot_that_cant_be_applied_is_followed_from_the_generation_before_it(
    node: Node,
) -> None:
    node.poison[BAD] = MemoryError()
    node.begin(put("192.0.2.1"), revision=1)
    node.append(2, put("192.0.2.2"))
    node.writer.snapshot(DATABASE, 2, [put("192.0.2.1"), put("192.0.2.2"), put(BAD)], None)
    node.append(3, put("192.0.2.3"))
    node.restart()
    assert node.blacklist() == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    assert node.published.applied == 3


def test_an_import_that_fails_midway_takes_back_what_it_added_and_nothing_else(node: Node) -> None:
    node.poison[BAD] = IndexError("invalid index")
    mine = [f"10.0.0.{n}" for n in range(8)]
    node.begin(put("10.0.0.1"), put("10.0.0.2", name="allowlist"))
    with node.writer.import_file("1") as file:
        file.write(put(text) for text in mine)
        file.write(put(f"10.1.{n >> 8}.{n & 255}") for n in range(3000))
        file.write([put(BAD)])
    skip = (("blacklist", Network.parse("10.0.0.3")),)
    node.append(1, file.change(skip))
    node.reconciler.doorbell()
    for _ in range(4):  # of a dozen chunks
        node.reconciler.turn(budget_ms=0)
    assert "10.0.0.5" in node.blacklist(), "it is being loaded"
    assert not node.published.in_force(1)
    node.append(2, put("10.0.0.4"), remove("10.0.0.5"))
    node.settle()
    assert node.blacklist() == ["10.0.0.1", "10.0.0.2", "10.0.0.4"]
    assert node.published.rejections == [(1, errno.EINVAL)]


def test_prefixes_that_cant_be_committed_are_rejected_with_every_revision_that_waited_for_them(
    node: Node,
) -> None:
    node.begin()
    node.poison["commit 10.0.0.0/8"] = NativeError("prefix tables: no memory", errno.ENOMEM)
    changes: list[Change] = [put("10.0.0.0/8"), put("192.0.2.1"), put("172.16.0.0/12")]
    for revision, change in enumerate(changes, 1):
        node.append(revision, change)
    node.reconciler.doorbell()
    node.reconciler.turn(budget_ms=1000)
    assert node.blacklist() == ["192.0.2.1"]
    assert node.published.rejections == [(1, errno.ENOMEM), (3, errno.ENOMEM)]
    assert set(node.published.reasons) == {"prefix tables: no memory"}
    node.poison.clear()
    node.append(4, put("198.51.100.0/24"))
    node.settle()
    assert node.blacklist() == ["10.0.0.0/8", "172.16.0.0/12", "192.0.2.1", "198.51.100.0/24"]
    assert node.published.flags == abi.Degraded(0)


def test_the_log_says_where_it_was_raised(node: Node, capsys: pytest.CaptureFixture[str]) -> None:
    node.poison["policy poison"] = IndexError("invalid index")
    node.begin()
    node.append(1, SetPolicy({"name": "poison"}))
    node.settle()
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["event"], line["what"], line["revisions"]) == ("rejected", "policy", [1])
    assert "in apply" in line["traceback"]
    assert "IndexError: invalid index" in line["traceback"]


def test_a_put_is_what_the_log_says_of_a_rejected_entry(
    node: Node, capsys: pytest.CaptureFixture[str]
) -> None:
    node.poison[BAD] = MemoryError()
    node.begin()
    node.append(1, Put("allowlist", Network.parse(BAD)))
    node.settle()
    (line,) = map(json.loads, capsys.readouterr().err.splitlines())
    assert (line["what"], line["error"]) == (f"allowlist {BAD}", "MemoryError()")
