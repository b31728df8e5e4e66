"""How a part is brought to what the fleet wants."""

from __future__ import annotations

from itertools import pairwise

import pytest

from api.agent.fleet.following.part import MESSAGE_LENGTH_MAX, Applied, Desired
from api.agent.fleet.following.pursuit import BACKOFF_MAX_S, CHECK_S, Pursuit
from api.agent.fleet.following.state import Progress
from tests.unit.agent.fleet.conftest import FakePart, away


def wish(number: int | None, epoch: str = "one") -> Desired:
    return Desired(epoch, numbers={"lists": number})


def test_new_number_is_applied_once(part: FakePart) -> None:
    pursuit = Pursuit([part], {})
    for now_s in range(5):
        pursuit.turn(wish(7), now_s)
    assert part.calls == [("one", 7, None)]
    pursuit.turn(wish(8), 5)
    assert part.calls[1:] == [("one", 8, Applied("one", 7))]
    assert pursuit.applied() == {"lists": Applied("one", 8)}


def test_nothing_wanted_is_nothing_done(part: FakePart) -> None:
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(None), 0)
    assert part.calls == []
    assert pursuit.applied() == {}


def test_smaller_number_is_another_one(part: FakePart) -> None:
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(7), 0)
    pursuit.turn(wish(3), 1)
    assert [number for _, number, _ in part.calls] == [7, 3]


def test_other_epoch_is_fetched_again_and_the_part_is_told_what_it_had(part: FakePart) -> None:
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(7), 0)
    pursuit.turn(wish(7, "two"), 1)
    assert part.calls[1:] == [("two", 7, Applied("one", 7))]


def test_what_failed_is_tried_again_later_and_later(part: FakePart) -> None:
    part.answers = [away() for _ in range(9)]
    pursuit, tries = Pursuit([part], {}), []
    for now_s in range(300):
        before = len(part.calls)
        pursuit.turn(wish(7), now_s)
        if len(part.calls) > before:
            tries.append(now_s)
    pauses = [after - before for before, after in pairwise(tries)]
    assert len(part.calls) == 10
    assert pauses[0] <= 2
    assert max(pauses) <= BACKOFF_MAX_S * 1.2 + 1
    assert pursuit.applied()["lists"].state == "applied"


def test_what_failed_is_pending_and_says_why(part: FakePart) -> None:
    part.answers = [away()]
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(7), 0)
    assert pursuit.applied()["lists"] == Applied("one", 7, "pending", "GET lists: it is away")


def test_faulty_part_is_pending_too(part: FakePart) -> None:
    part.answers = [ValueError("no number")]
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(7), 0)
    assert pursuit.applied()["lists"].state == "pending"


def test_another_wish_does_not_wait_for_the_back_off(part: FakePart) -> None:
    part.answers = [away(), away(), away()]
    pursuit = Pursuit([part], {})
    for now_s in (0, 2, 5):
        pursuit.turn(wish(7), now_s)
    pursuit.turn(wish(8), 5.1)
    assert part.calls[-1][1] == 8
    assert pursuit.applied()["lists"].state == "applied"


def test_rejected_is_not_tried_before_another_number(part: FakePart) -> None:
    part.answers = [Applied("one", 7, "rejected", "m" * 2000)]
    pursuit = Pursuit([part], {})
    for now_s in range(0, 100, 5):
        pursuit.turn(wish(7), now_s)
    assert len(part.calls) == 1
    said = pursuit.applied()["lists"]
    assert said.state == "rejected"
    assert len(said.message or "") == MESSAGE_LENGTH_MAX
    pursuit.turn(wish(8), 101)
    assert part.calls[1] == ("one", 8, None)


def test_override_is_seen_and_given_back(part: FakePart) -> None:
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(7), 0)
    part.found = Applied("one", 7, "overridden")
    pursuit.turn(wish(7), CHECK_S + 1)
    assert pursuit.applied()["lists"].state == "overridden"
    assert len(part.calls) == 1
    part.found = None
    pursuit.turn(wish(7), 2 * CHECK_S + 2)
    assert part.calls[1:] == [("one", 7, None)]
    assert pursuit.applied()["lists"].state == "applied"


def test_higher_number_than_asked_for_is_no_reason_to_ask_again(part: FakePart) -> None:
    part.answers = [Applied("one", 9)]
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(7), 0)
    pursuit.turn(wish(7), 1)
    assert len(part.calls) == 1
    pursuit.turn(wish(9), 2)
    assert part.calls[-1] == ("one", 9, Applied("one", 9))


def test_what_an_earlier_process_applied_is_checked_and_not_applied_again(part: FakePart) -> None:
    applied = Applied("one", 7)
    pursuit = Pursuit([part], {"lists": Progress(applied, applied, ("one", 7))})
    pursuit.turn(wish(7), 0)
    assert (part.checks, part.calls) == (1, [])
    part.found = None  # as after node.db was lost
    pursuit.turn(wish(7), CHECK_S + 1)
    assert part.calls == [("one", 7, None)]


def test_leaving_forgets_everything(part: FakePart) -> None:
    pursuit = Pursuit([part], {})
    pursuit.turn(wish(7), 0)
    pursuit.leave()
    assert part.left == 1
    assert pursuit.applied() == {}
    pursuit.turn(wish(7), 1)
    assert part.calls[-1] == ("one", 7, None)


def test_news_are_told_once(part: FakePart) -> None:
    told: list[int] = []
    pursuit = Pursuit([part], {})
    pursuit.listeners.append(lambda: told.append(1))
    for now_s in range(5):
        pursuit.turn(wish(7), now_s)
    assert len(told) == 1


@pytest.mark.parametrize("fails", [True, False])
def test_one_part_does_not_hold_up_another(part: FakePart, fails: bool) -> None:
    first = FakePart("rules", [away()] if fails else [])
    pursuit = Pursuit([first, part], {})
    pursuit.turn(Desired("one", numbers={"rules": 3, "lists": 7}), 0)
    assert pursuit.applied()["lists"].state == "applied"
