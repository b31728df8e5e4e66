"""The compile helper: asked about candidates, lost and hung; rules wait for it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from dataplane.client.compiler import Candidate, Compiler
from dataplane.native import abi
from dataplane.waf.document import Rule
from dataplane.waf.enforcing import databases
from tests.native.harness import Harness
from tests.native.waf.rules.node import Node, helper_of
from tests.support.values.slow_pattern import SLOW


def test_a_helper_that_dies_comes_back_and_rules_wait_for_it(node: Node) -> None:
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    assert node.keeper is not None
    helper = helper_of(node.keeper.pid)
    os.kill(helper, 9)
    node.turn_until(lambda: bool(node.header.rules_state & abi.RulesState.AWAY))
    node.rules.put([Rule(2, "wicked")], 2)
    assert node.hits(b"evil wicked") == [1]
    assert node.rules.in_force_through(2) == 1
    node.settle()
    assert node.hits(b"evil wicked") == [1, 2]
    assert helper_of(node.keeper.pid) != helper


def test_a_helper_that_comes_back_has_the_engine_of_the_first(node: Node) -> None:
    """Which may have been upgraded: who starts helpers has loaded it, and they inherit it."""
    assert node.keeper is not None
    node.turn_until(node.socket.exists)
    assert "/libhs.so." in Path(f"/proc/{node.keeper.pid}/maps").read_text()


def test_a_helper_that_hangs_is_left(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    assert node.keeper is not None
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    helper = helper_of(node.keeper.pid)
    monkeypatch.setitem(databases._ANSWER_S, "hot", 0.2)
    os.kill(helper, signal.SIGSTOP)
    node.rules.put([Rule(2, "wicked")], 2)
    node.turn_until(lambda: node.rules.is_building)
    node.turn_until(lambda: not node.rules.is_building)
    assert node.rules.pending_count == 1
    assert node.hits(b"evil wicked") == [1]
    monkeypatch.setitem(databases._ANSWER_S, "hot", 60.0)
    os.kill(helper, signal.SIGCONT)
    node.settle()
    assert node.hits(b"evil wicked") == [1, 2]


def test_without_a_place_for_jobs_rules_wait_and_the_node_says_so(node: Node) -> None:
    node.turn_until(lambda: not node.header.rules_state & abi.RulesState.AWAY)
    directory = node.cache.directory
    away = directory.rename(directory.with_name("elsewhere"))
    node.rules.put([Rule(1, "evil")], 1)
    node.turn_until(lambda: bool(node.header.degraded & abi.Degraded.RULES))
    assert node.rules.in_force_through(1) == 0
    away.rename(directory)
    node.settle()
    node.turn_until(lambda: not node.header.degraded & abi.Degraded.RULES)
    assert node.hits(b"evil") == [1]


def test_no_helper_is_left_when_its_node_has_gone(harness: Harness, tmp_path: Path) -> None:
    node = Node(harness, tmp_path)
    node.rules.start()
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    assert node.keeper is not None
    helper = helper_of(node.keeper.pid)
    node.close()
    assert not Path(f"/proc/{helper}").exists()


def test_candidates_are_judged(node: Node) -> None:
    node.turn_until(node.socket.exists)
    texts = ["union.*select", "a{,3}", "(", "^$", SLOW, "ok"]
    found = Compiler(node.socket).admit([Candidate(text) for text in texts])
    assert [one.is_admitted for one in found] == [True, False, False, False, False, True]
    assert (found[1].position, found[2].position) == (1, 0)
    assert "to compile" in str(found[4].refusal)


def test_one_candidate_has_its_price(node: Node) -> None:
    node.turn_until(node.socket.exists)
    (found,) = Compiler(node.socket).admit([Candidate("union.*select")])
    assert found.cost_ns is not None


def test_a_helper_that_stops_is_replaced(harness: Harness, tmp_path: Path) -> None:
    node = Node(harness, tmp_path, hang_s=2.0)
    node.rules.start()
    node.rules.put([Rule(1, "evil")], 1)
    node.settle()
    assert node.keeper is not None
    helper = helper_of(node.keeper.pid)
    os.kill(helper, signal.SIGSTOP)
    node.turn_until(lambda: bool(node.header.rules_state & abi.RulesState.AWAY))
    node.rules.put([Rule(2, "wicked")], 2)
    node.settle()
    assert node.hits(b"evil wicked") == [1, 2]
    assert not Path(f"/proc/{helper}").exists()
    node.close()
