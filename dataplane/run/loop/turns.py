"""The duties of the control loop and their periods: one thread, a turn per millisecond while there
is work.

A duty is a function that is called when its period has passed. Duties run in the order in which
they were added. A long duty delays only the others: packets have their own lcores. Without work the
loop sleeps until it is woken or a fiftieth of a second is over:
docs/adr/0003-the-doorbell-wakes.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from dataplane.base.clock import Clock

TURN_S = 0.001
"""Minimum time from the end of a turn to the next one, however often the loop is woken."""
IDLE_S = 0.02


@dataclass
class _Duty:
    period_ms: int
    run: Callable[[], None]
    due_ms: int = 0


class Turns:
    """The duties, and their due times on the boot clock."""

    def __init__(
        self, clock: Clock, wait: Callable[[float], object], is_busy: Callable[[], bool]
    ) -> None:
        """`wait` returns after so many seconds, or when there is something to do."""
        self._clock = clock
        self._wait = wait
        self._is_busy = is_busy
        self._duties: list[_Duty] = []

    def every(self, period_ms: int, run: Callable[[], None]) -> None:
        """Add a duty; a period of 0 means every turn."""
        self._duties.append(_Duty(period_ms, run))

    def turn(self) -> None:
        """Run the duties that are due; missed periods are skipped."""
        now_ms = self._clock.boot_ms()
        for duty in self._duties:
            if now_ms >= duty.due_ms:
                duty.due_ms = now_ms + duty.period_ms
                duty.run()

    def run_until(self, finished: Callable[[], bool], timeout_s: float | None = None) -> bool:
        """Turn until ``finished()``; False: the time was over before."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while not finished():
            if end is not None and time.monotonic() > end:
                return False
            self.turn()
            self._rest()
        return True

    def _rest(self) -> None:
        next_s = time.monotonic() + TURN_S
        if not self._is_busy():
            self._wait(IDLE_S)
        time.sleep(max(0.0, next_s - time.monotonic()))
