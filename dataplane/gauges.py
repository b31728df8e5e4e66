"""Values that are rates or come from the kernel, computed by the control loop once a second.

Writes ``cpu_busy_ppm``, ``latency_mean_ns`` and ``memory_bytes`` of the stats page; reads the
workers' counters and ``/proc/self``. Counters themselves are never touched here.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

from dataplane import abi
from dataplane.workers import Workers

_LATENCY_WINDOW_S = 10
_MEMORY_EVERY = 10
_SMAPS = Path("/proc/self/smaps_rollup")
_COUNTED = {"Pss", "Shared_Hugetlb", "Private_Hugetlb"}


class Gauges:
    """Remembers what is needed for differences; ``update`` is called about once a second."""

    def __init__(self, header: abi.StatsHeader, workers: Workers) -> None:
        self._header = header
        self._workers = workers
        self._cycles = (0, 0)
        self._latencies: deque[tuple[int, int]] = deque([(0, 0)], maxlen=_LATENCY_WINDOW_S + 1)
        self._turn = 0

    def update(self) -> None:
        """Compute everything that is due."""
        cycles = self._workers.cycles()
        busy, total = cycles[0] - self._cycles[0], cycles[1] - self._cycles[1]
        self._cycles = cycles
        self._header.cpu_busy_ppm = busy * 1_000_000 // total if total else 0

        self._latencies.append(self._workers.latency())
        (old_count, old_ns), (count, ns) = self._latencies[0], self._latencies[-1]
        packets = count - old_count
        self._header.latency_mean_ns = (ns - old_ns) // packets if packets else 0

        if self._turn % _MEMORY_EVERY == 0:
            self._header.memory_bytes = memory_bytes()
        self._turn += 1


def memory_bytes(smaps: Path = _SMAPS) -> int:
    """Proportional set size plus hugepages, in bytes (proc(5): the set size leaves those out)."""
    total_kib = 0
    for line in smaps.read_text(encoding="ascii").splitlines()[1:]:
        name, _, value = line.partition(":")
        if name in _COUNTED:
            total_kib += int(value.split()[0])
    return total_kib * 1024
