"""Whether the worker lcores still turn, judged from their heartbeats.

Pure: time and heartbeats are arguments. What follows from a stall is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence

STALL_MS = 2_000
"""A worker whose heartbeat stands that long has stopped polling."""
_STEP_MS_MAX = 50
"""What one check may add: when the whole process was stopped (SIGSTOP, a paused VM), nobody's
heartbeat moved and nobody is at fault."""


class HeartbeatWatchdog:
    """Sums up, for each lcore, the time its heartbeat has stood still while we ourselves ran."""

    def __init__(self, lcores: int, now_ms: int) -> None:
        self._seen = [-1] * lcores
        self._still_ms = [0] * lcores
        self._checked_ms = now_ms

    def check(self, heartbeats: Sequence[int], now_ms: int) -> int | None:
        """Index of an lcore that has stalled, else None; call it at least every 50 ms."""
        step_ms = min(now_ms - self._checked_ms, _STEP_MS_MAX)
        self._checked_ms = now_ms
        stalled = None
        for index, heartbeat in enumerate(heartbeats):
            moved = heartbeat != self._seen[index]
            self._seen[index] = heartbeat
            self._still_ms[index] = 0 if moved else self._still_ms[index] + step_ms
            if self._still_ms[index] >= STALL_MS:
                stalled = index
        return stalled
