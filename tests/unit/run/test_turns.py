"""The control loop's duties: how often, in which order, until when."""

from __future__ import annotations

import time
from collections.abc import Callable

from dataplane.run.loop.turns import IDLE_S, TURN_S, Turns
from tests.support.clock import FakeClock


def turns_of(
    clock: FakeClock,
    wait: Callable[[float], object] = lambda _seconds: None,
    is_busy: Callable[[], bool] = lambda: False,
) -> Turns:
    return Turns(clock, wait, is_busy)


def test_duties_run_in_their_order_when_they_are_due() -> None:
    clock, ran = FakeClock(), list[str]()
    turns = turns_of(clock)
    turns.every(0, lambda: ran.append("each"))
    turns.every(10, lambda: ran.append("ten"))

    for _ in range(4):
        turns.turn()
        clock.pass_ms(5)

    assert ran == ["each", "ten", "each", "each", "ten", "each"]


def test_a_missed_period_is_not_made_up_for() -> None:
    clock, ran = FakeClock(), list[int]()
    turns = turns_of(clock)
    turns.every(10, lambda: ran.append(clock.boot_ms()))
    turns.turn()
    clock.pass_ms(1000)

    turns.turn()
    turns.turn()

    assert len(ran) == 2


def test_it_turns_until_the_condition_holds() -> None:
    ran = list[int]()
    turns = turns_of(FakeClock())
    turns.every(0, lambda: ran.append(1))

    assert turns.run_until(lambda: len(ran) == 3)
    assert len(ran) == 3


def test_a_time_that_is_over_is_told() -> None:
    assert not turns_of(FakeClock()).run_until(lambda: False, timeout_s=0)


def test_it_waits_to_be_woken_when_there_is_no_work() -> None:
    waited, busy = list[float](), [True, False, True, False]
    turns = turns_of(FakeClock(), waited.append, lambda: busy.pop(0))

    assert turns.run_until(lambda: not busy)
    assert waited == [IDLE_S, IDLE_S]


def test_a_flood_of_wakes_leaves_a_pause_after_each_turn() -> None:
    ended, pauses = list[float](), list[float]()
    turns = turns_of(FakeClock())  # its wait returns at once

    def run() -> None:
        if ended:
            pauses.append(time.monotonic() - ended[-1])
        time.sleep(2 * TURN_S)
        ended.append(time.monotonic())

    turns.every(0, run)
    assert turns.run_until(lambda: len(ended) == 5)
    assert min(pauses) >= TURN_S
