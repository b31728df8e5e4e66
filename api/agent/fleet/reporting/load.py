"""The node's load: busy share of its busiest worker, mean over ten seconds."""

from __future__ import annotations

from collections import deque

from dataplane.shared.stats import NodeStats

WINDOW_S = 10.0
_SAMPLES_MAX = 64

Cycles = tuple[tuple[int, int], ...]
"""The busy cycles and all cycles of each worker."""


class Load:
    """Used by one thread, which calls `note` a few times in ten seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, int, Cycles]] = deque(maxlen=_SAMPLES_MAX)

    def note(self, stats: NodeStats | None, now_s: float) -> float:
        """Read the counters; returns 0 to 1, and 0 without a data plane."""
        if stats is None:
            self._samples.clear()
            return 0.0
        cycles = tuple((lcore.busy_cycles, lcore.total_cycles) for lcore in stats.lcores)
        if self._samples and self._samples[-1][1] != stats.pid:
            self._samples.clear()  # a new data plane counts from zero
        self._samples.append((now_s, stats.pid, cycles))
        while len(self._samples) > 2 and now_s - self._samples[1][0] >= WINDOW_S:  # noqa: PLR2004
            self._samples.popleft()
        return _busiest(self._samples[0][2], cycles)


def _busiest(before: Cycles, after: Cycles) -> float:
    shares = [0.0]
    for (busy, total), (busy_now, total_now) in zip(before, after, strict=False):
        if total_now > total:
            shares.append((busy_now - busy) / (total_now - total))
    return round(min(1.0, max(shares)), 4)
