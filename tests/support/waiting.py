"""Waits for conditions, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    condition: Callable[[], T], what: str, bound_s: float = 60.0, every_s: float = 0.05
) -> T:
    """Call until the answer is true, and return it; fails after ``bound_s`` seconds.

    The bound is for conditions that never become true: a busy machine may stall any process for
    seconds.
    """
    end = time.monotonic() + bound_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"not within {bound_s} s: {what}; last answer: {answer!r}")
        time.sleep(every_s)
