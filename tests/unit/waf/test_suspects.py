"""Who is to blame for a small tier that can't be built."""

from __future__ import annotations

from typing import Any

import pytest

from dataplane.waf.enforcing.suspects import Suspects
from dataplane.waf.exchange.job import Member
from dataplane.waf.exchange.wire import GROUP_BYTES_MAX, GROUP_MAX

MEMBERS = [Member(slot, slot + 1, f"p{slot}", ("any",)) for slot in range(3)]


class Helper:
    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.is_there = True

    def ask(self, message: dict[str, Any]) -> bool:
        self.asked.append(message)
        return self.is_there


def test_the_slots_that_are_refused_are_told() -> None:
    helper = Helper()
    suspects = Suspects(helper.ask)
    suspects.examine(MEMBERS)
    assert helper.asked == [{"admit": [["p0", ("any",)], ["p1", ("any",)], ["p2", ("any",)]]}]
    verdicts = [[None, None, 5, []], ["too dear", None, 9, []], [None, None, 5, []]]
    assert list(suspects.hear(verdicts)) == [(1, "too dear")]


def test_one_examination_is_under_way_at_a_time() -> None:
    helper = Helper()
    suspects = Suspects(helper.ask)
    suspects.examine(MEMBERS)
    suspects.examine(MEMBERS)
    assert len(helper.asked) == 1
    suspects.lose()
    suspects.examine(MEMBERS)
    assert len(helper.asked) == 2


def test_where_nobody_is_asked_nobody_is_waited_for() -> None:
    helper = Helper()
    helper.is_there = False
    suspects = Suspects(helper.ask)
    suspects.examine(MEMBERS)
    suspects.examine(MEMBERS)
    assert len(helper.asked) == 2
    suspects.examine([])
    assert len(helper.asked) == 2


@pytest.mark.parametrize("verdicts", [None, 7, {}, [], [None, 1, []], [[None]] * 9])
def test_an_answer_that_is_none_refuses_nobody(verdicts: object) -> None:
    suspects = Suspects(Helper().ask)
    suspects.examine(MEMBERS)
    assert list(suspects.hear(verdicts)) == []


def test_as_many_are_asked_about_as_go_into_one_request() -> None:
    helper = Helper()
    many = [Member(slot, slot + 1, "p", ("any",)) for slot in range(GROUP_MAX + 5)]
    Suspects(helper.ask).examine(many)
    long = [Member(slot, slot + 1, "p" * 4096, ("any",)) for slot in range(500)]
    Suspects(helper.ask).examine(long)
    counts = [len(message["admit"]) for message in helper.asked]
    assert counts == [GROUP_MAX, GROUP_BYTES_MAX // 4096]
