"""What is told of the rules: degraded while not all is well, and a notice when that changes."""

from __future__ import annotations

import pytest

from dataplane.native import abi
from dataplane.native.abi import NoticeKind, RulesState
from dataplane.waf import condition
from dataplane.waf.condition import AWAY_S, MANY, Condition

READY = RulesState.READY


class Watched:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(condition.time, "monotonic", lambda: self.now)
        self.header = abi.StatsHeader(degraded=abi.Degraded.LINK)
        self.condition = Condition(self.header)
        self.notices: list[tuple[NoticeKind, int]] = []
        self.condition.notice = lambda kind, value: self.notices.append((kind, value))

    @property
    def is_degraded(self) -> bool:
        assert self.header.degraded & abi.Degraded.LINK
        return bool(self.header.degraded & abi.Degraded.RULES)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    return Watched(monkeypatch)


def test_a_node_whose_rules_are_in_force_is_well(watched: Watched) -> None:
    watched.condition.update(READY | RulesState.BUILDING, 7, 2)
    assert not watched.is_degraded
    header = watched.header
    assert (header.rules_used, header.rules_pending) == (7, 2)
    assert watched.notices == []


@pytest.mark.parametrize("state", [RulesState(0), READY | RulesState.NO_MEMORY])
def test_a_node_whose_rules_are_not_is_degraded(watched: Watched, state: RulesState) -> None:
    watched.condition.update(state, 7, 7)
    assert watched.is_degraded
    watched.condition.update(READY, 7, 0)
    assert not watched.is_degraded


def test_a_node_that_can_not_compile_again_and_again_is_degraded(watched: Watched) -> None:
    watched.condition.update(READY, 7, 1, is_failing=True)
    assert watched.is_degraded
    watched.condition.update(READY, 7, 0)
    assert not watched.is_degraded


def test_a_helper_is_missed_after_a_while_and_welcomed_back(watched: Watched) -> None:
    watched.condition.update(READY | RulesState.AWAY, 1, 0)
    watched.now += AWAY_S - 0.1
    watched.condition.update(READY | RulesState.AWAY, 1, 0)
    assert (watched.is_degraded, watched.notices) == (False, [])
    watched.now += 0.2
    for _ in range(2):
        watched.condition.update(READY | RulesState.AWAY, 1, 0)
        assert watched.is_degraded
    watched.condition.update(READY, 1, 0)
    assert not watched.is_degraded
    assert watched.notices == [(NoticeKind.COMPILER_LOST, 0), (NoticeKind.COMPILER_BACK, 0)]


def test_it_is_told_once_that_many_rules_are_in_force(watched: Watched) -> None:
    for pending in (MANY, 0, MANY + 1, 5, 0, 0):
        watched.condition.update(READY, 50, pending)
    assert watched.notices == [(NoticeKind.RULES_IN_FORCE, 50)]


def test_it_is_told_that_those_from_before_the_start_are(watched: Watched) -> None:
    watched.condition.update(RulesState(0), 3, 3)
    watched.condition.update(READY, 3, 0)
    assert watched.notices == [(NoticeKind.RULES_IN_FORCE, 3)]
