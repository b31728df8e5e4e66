"""The ends of rules: found in time, and kept for no more rules than there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dataplane.base.clock import Deadline
from dataplane.native import abi
from dataplane.waf.document import Rule
from dataplane.waf.enforcing import entries as module
from dataplane.waf.enforcing.entries import Entries
from dataplane.waf.enforcing.groups import GroupNames
from tests.support.clock import FakeClock

NOTHING: Any = None
"""No slot is given: neither table nor records nor slots are needed."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def entries(clock: FakeClock) -> Entries:
    return Entries(NOTHING, NOTHING, NOTHING, GroupNames(abi.StatsHeader(), []), clock)


def ending(clock: FakeClock, number: int, seconds: int) -> Rule:
    return Rule(number, "x", deadline=Deadline.after(clock, seconds))


def test_changes_of_a_rule_add_no_ends(entries: Entries, clock: FakeClock) -> None:
    rule = ending(clock, 1, 100)
    entry = entries.add(rule, 1, 0)
    for number in range(1000):
        entries.change(entry, replace(rule, enabled=bool(number % 2)), 0)
    assert len(entries._ends) == 1
    clock.pass_ms(100_000)
    assert entries.ended() == [1]


def test_ends_of_rules_that_are_no_more_do_not_pile_up(
    entries: Entries, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ENDS_MAX", 10)
    entries.add(ending(clock, 1, 50), 1, 0)
    for number in range(2, 100):
        entries.add(ending(clock, number, 10_000), 1, 0)
        entries.remove(number)
        assert len(entries._ends) <= 10
    clock.pass_ms(50_000)
    assert entries.ended() == [1]


def test_an_end_that_the_wall_clock_has_moved_away_is_found_then(
    entries: Entries, clock: FakeClock
) -> None:
    rule = ending(clock, 1, 50)
    clock.reboot(off_ms=30_000, up_ms=10_000)
    entries.add(rule, 1, 0)
    clock.step_ms(-20_000)
    clock.pass_ms(10_000)
    assert entries.ended() == []
    clock.pass_ms(20_000)
    assert entries.ended() == [1]


def test_more_rules_than_the_limit_are_refused(
    entries: Entries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RULES_MAX", 1)
    entries.add(Rule(1, "x"), 1, 0)
    with pytest.raises(module.InvalidInputError, match="rule_2: there are 1 rules, the limit"):
        entries.add(Rule(2, "x"), 1, 0)
