"""A child of the compile helper ends at its limits, whatever it does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from dataplane.waf.compiling.child import Child, ChildLimits
from tests.support.waiting import wait_for

ROOMY_MIB = 1 << 24


def outcome(limits: ChildLimits, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    child = Child(limits, work)

    def has_ended() -> bool:
        child.check_time()
        return child.hear()

    wait_for(has_ended, "the child has ended")
    return child.outcome()


def stop() -> dict[str, Any]:
    os.kill(os.getpid(), signal.SIGSTOP)
    return {}


def turn_for_ever() -> dict[str, Any]:
    while True:
        pass


def die() -> dict[str, Any]:
    os._exit(7)


def test_what_it_says_is_heard() -> None:
    found = outcome(ChildLimits(10, ROOMY_MIB, 30), lambda: {"x": "y" * 300_000})
    assert len(found["x"]) == 300_000


@pytest.mark.parametrize(
    ("work", "limits", "why"),
    [
        (stop, ChildLimits(10, ROOMY_MIB, 0.2), "more than 0.2 s"),
        (turn_for_ever, ChildLimits(1, ROOMY_MIB, 30), "more than 1 s of CPU"),
        (die, ChildLimits(10, ROOMY_MIB, 30), "ended with 7"),
    ],
)
def test_one_that_does_not_come_to_an_end_is_ended_and_says_why(
    work: Callable[[], dict[str, Any]], limits: ChildLimits, why: str
) -> None:
    assert why in outcome(limits, work)["failed"]
