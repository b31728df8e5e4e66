"""Detects stalled worker lcores, from their heartbeats.

Pure: time, heartbeats and run times of threads are arguments. The caller acts on a stall.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dataplane.run.workers.threads import Ran

STALL_MS = 2_000
"""A worker has stalled if its heartbeat does not change for so long while it runs."""
STARVED_MS = 30_000
"""A worker without CPU time for so long counts as stalled too."""
_STEP_MS_MAX = 50
"""Maximum time that one check adds: while the whole process was stopped (SIGSTOP, a paused VM), no
heartbeat could change."""


class HeartbeatWatchdog:
    """Sums up, for each lcore, the time without a change of its heartbeat while this process ran.

    ``ran``: the kernel's information about an lcore's thread. Time in which the thread was ready
    but got no CPU does not count: a restarted process would wait for the same CPU.
    """

    def __init__(
        self, lcores: int, now_ms: int, ran: Callable[[int], Ran | None] = lambda _index: None
    ) -> None:
        self._seen = [-1] * lcores
        self._still = [_Still() for _ in range(lcores)]
        self._checked_ms = now_ms
        self._ran = ran

    def check(self, heartbeats: Sequence[int], now_ms: int) -> int | None:
        """Index of a stalled lcore, else None; call it at least every 50 ms."""
        step_ms = min(now_ms - self._checked_ms, _STEP_MS_MAX)
        self._checked_ms = now_ms
        stalled = None
        for index, heartbeat in enumerate(heartbeats):
            if heartbeat != self._seen[index]:
                self._seen[index], self._still[index] = heartbeat, _Still()
                continue
            still = self._still[index]
            still.add(step_ms, self._ran(index))
            if still.ran_ms >= STALL_MS or still.whole_ms >= STARVED_MS:
                stalled = index
        return stalled


class _Still:
    """The time since a heartbeat has changed."""

    def __init__(self) -> None:
        self.whole_ms = 0
        self.ran_ms = 0
        """The same without the time in which the thread waited for its CPU."""
        self._before: Ran | None = None

    def add(self, step_ms: int, ran: Ran | None) -> None:
        self.whole_ms += step_ms
        if ran is not None and ran.is_runnable and self._before is not None:
            self.ran_ms += min(step_ms, ran.cpu_ms - self._before.cpu_ms)
        else:
            self.ran_ms += step_ms
        self._before = ran
