"""Rates and kernel values, computed by the control loop once a second.

Writes ``cpu_busy_ppm``, the means of latencies, ``requests_mps``, ``rates``, ``syn_proxy_on`` and
``memory_bytes`` of the stats page; reads the workers' counters and ``/proc/self``. It never writes
counters.
"""

from __future__ import annotations

from collections import deque
from pathlib import Path

from dataplane.base.clock import Clock
from dataplane.native import abi
from dataplane.run.workers.workers import Workers

_LATENCY_WINDOW_S = 10
_MEMORY_EVERY = 10
_SMAPS = Path("/proc/self/smaps_rollup")
_COUNTED = {"Pss", "Shared_Hugetlb", "Private_Hugetlb"}


class Mean:
    """The mean over the last ten intervals."""

    def __init__(self) -> None:
        self._seen: deque[tuple[int, int]] = deque([(0, 0)], maxlen=_LATENCY_WINDOW_S + 1)

    def after(self, counted: tuple[int, int]) -> int:
        """``counted``: number and sum since the start. 0: there were none."""
        self._seen.append(counted)
        (old_count, old_sum), (count, whole) = self._seen[0], counted
        return (whole - old_sum) // (count - old_count) if count != old_count else 0


class Gauges:
    """Keeps the values for differences; ``update`` is called about once a second."""

    def __init__(self, header: abi.StatsHeader, workers: Workers, clock: Clock) -> None:
        self._header = header
        self._workers = workers
        self._clock = clock
        self._cycles = (0, 0)
        self._latency, self._request_latency = Mean(), Mean()
        self._requests = (0, clock.boot_ms())
        self._traffic = (0, 0, 0, 0, 0)
        self._traffic_ms = clock.boot_ms()
        self._turn = 0

    def update(self) -> None:
        """Compute all values that are due."""
        cycles = self._workers.cycles()
        busy, total = cycles[0] - self._cycles[0], cycles[1] - self._cycles[1]
        self._cycles = cycles
        self._header.cpu_busy_ppm = busy * 1_000_000 // total if total else 0
        self._header.latency_mean_ns = self._latency.after(self._workers.latency())
        self._header.request_latency_mean_ns = self._request_latency.after(
            self._workers.request_latency()
        )
        self._count_requests()
        self._count_traffic()
        self._tell_protected()
        if self._turn % _MEMORY_EVERY == 0:
            self._header.memory_bytes = memory_bytes()
        self._turn += 1

    def _count_requests(self) -> None:
        now = self._workers.requests(), self._clock.boot_ms()
        requests, passed_ms = now[0] - self._requests[0], now[1] - self._requests[1]
        self._requests = now
        self._header.requests_mps = requests * 1_000_000 // passed_ms if passed_ms > 0 else 0

    def _count_traffic(self) -> None:
        now, now_ms = self._workers.traffic(), self._clock.boot_ms()
        passed_ms = now_ms - self._traffic_ms
        if passed_ms > 0:
            pace = [(a - b) * 1000 // passed_ms for a, b in zip(now, self._traffic, strict=True)]
            rates = self._header.rates
            rates.received_pps, bytes_per_s, *others = pace
            rates.received_bps = 8 * bytes_per_s
            rates.forwarded_pps, rates.consumed_pps, rates.dropped_pps = others
        self._traffic, self._traffic_ms = now, now_ms

    def _tell_protected(self) -> None:
        """Publish for which addresses the SYN proxy is on."""
        found = self._workers.protected()
        shown = [each for _, first in found for each in first][: abi.PROTECTED_SHOWN]
        told = self._header.syn_proxy_on
        told.version += 1
        told.count = sum(count for count, _ in found)
        told.shown[: len(shown)] = shown
        told.version += 1


def memory_bytes(smaps: Path = _SMAPS) -> int:
    """Proportional set size plus hugepages, in bytes (proc(5): the set size does not include
    those)."""
    total_kib = 0
    for line in smaps.read_text(encoding="ascii").splitlines()[1:]:
        name, _, value = line.partition(":")
        if name in _COUNTED:
            total_kib += int(value.split()[0])
    return total_kib * 1024
