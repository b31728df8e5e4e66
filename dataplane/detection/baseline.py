"""Publishes the usual rates of each profile's addresses, period by period, for the baseline.

A period is ``abi.BASELINE_MS`` long. For each profile in force it has the highest rate of any one
address in any second (the value that thresholds are compared with), and whether an incident was
active: rates during an attack are not usual. At most ``abi.BASELINE_PROFILES`` profiles, by index;
further ones are only counted. The agent keeps the history.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dataplane.detection.incident import Incident
from dataplane.detection.thresholds import ProfileThresholds
from dataplane.detection.traffic import Counts, Window
from dataplane.native import abi
from dataplane.native.abi import Metric, TrafficKind

METRICS: Mapping[TrafficKind, Metric] = {
    TrafficKind.SYN: Metric.SYNS,
    TrafficKind.ACK: Metric.ACKS,
    TrafficKind.RST: Metric.RSTS,
    TrafficKind.UDP: Metric.UDP,
    TrafficKind.AMPLIFICATION: Metric.AMPLIFICATION,
    TrafficKind.ICMP: Metric.ICMP,
    TrafficKind.FRAGMENT: Metric.FRAGMENTS,
    TrafficKind.MALFORMED: Metric.MALFORMED,
    TrafficKind.CONNECTION: Metric.CONNECTIONS,
    TrafficKind.REQUEST: Metric.REQUESTS,
    TrafficKind.SLOW: Metric.SLOW,
    TrafficKind.PACKETS: Metric.PACKETS,
}
"""The kind of traffic for each threshold."""
_BITS = 8
_NONE = (0,) * abi.METRIC_COUNT


class BaselinePeriods:
    """Not for several threads. ``page``: of the statistics header; this class is its
    only writer."""

    def __init__(self, page: abi.Baseline) -> None:
        self._page = page
        self._until_ms = 0
        self._taken: list[int] = []
        """Indices of the profiles of the period: those in force at its begin."""
        self._highest: dict[int, tuple[int, ...]] = {}
        self._attacked: set[int] = set()

    def add(
        self,
        window: Window,
        profiles: Mapping[int, ProfileThresholds],
        incidents: Iterable[Incident],
    ) -> None:
        """Add a window, and publish the period if it is over.

        ``profiles``: those in force, by index. ``incidents``: the active ones.
        """
        if self._until_ms == 0:
            self._begin(window.boot_ms, profiles)
        for index in self._taken:
            counts = window.highest.get(index)
            if counts is not None:
                before = self._highest.get(index, _NONE)
                self._highest[index] = tuple(map(max, before, _by_metric(counts)))
        places = (incident.place for incident in incidents)
        self._attacked |= {each.profile for each in places if each.kind is not abi.Target.PORT}
        if window.boot_ms >= self._until_ms:
            self._publish(profiles)
            self._begin(window.boot_ms, profiles)

    def _begin(self, boot_ms: int, profiles: Mapping[int, ProfileThresholds]) -> None:
        self._until_ms = boot_ms + abi.BASELINE_MS
        self._taken = sorted(profiles)[: abi.BASELINE_PROFILES]
        self._highest, self._attacked = {}, set()

    def _publish(self, profiles: Mapping[int, ProfileThresholds]) -> None:
        page, taken = self._page, [index for index in self._taken if index in profiles]
        page.version += 1
        page.number += 1
        page.beyond = max(0, len(profiles) - abi.BASELINE_PROFILES)
        page.profile_count = len(taken)
        for index, slot in zip(taken, page.profile, strict=False):
            name = profiles[index].name.encode()
            slot.name[:] = list(name.ljust(abi.PROFILE_NAME, b"\0"))
            slot.is_attacked = index in self._attacked
            slot.highest[:] = self._highest.get(index, _NONE)
        page.version += 1


def _by_metric(counts: Counts) -> tuple[int, ...]:
    rates = dict.fromkeys(Metric, 0)
    rates |= {metric: counts[kind] for kind, metric in METRICS.items()}
    rates[Metric.BITS] = counts.bytes * _BITS
    return tuple(rates.values())
