"""Metrics: nodes by status, and the age of their last heartbeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from sqlalchemy import Connection, select

from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.schemas import Status
from api.orchestrator.nodes.status import judge
from dataplane.base.clock import Clock

AGES_S = (5.0, 10.0, 15.0, 20.0, 30.0, 60.0, 300.0, 3600.0)
"""A heartbeat arrives every 10 s; a node without one for 30 s is unreachable."""

_COLUMNS = [
    nodes.c[name]
    for name in ("seen_ms", "health", "reasons", "desired", "clock_off_ms", "duplicate_ms")
]
"""The columns that `judge` needs."""


class NodeMetrics:
    """See `api.orchestrator.metrics.collecting.Collect`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __call__(self, connection: Connection) -> Iterable[Metric]:
        """Histograms over all nodes: one label for each node would be unbounded."""
        now_ms = self._clock.utc_ms()
        statuses: Counter[str] = Counter()
        ages: list[float] = []
        for row in connection.execute(select(*_COLUMNS)):
            statuses[judge(row, now_ms)[0]] += 1
            if row.seen_ms is not None:
                ages.append(max(0, now_ms - row.seen_ms) / 1000)
        by_status = GaugeMetricFamily("secbeat_fleet_nodes", "Nodes.", labels=["status"])
        for status in get_args(Status):
            by_status.add_metric([status], statuses[status])
        oldest = GaugeMetricFamily(
            "secbeat_fleet_heartbeat_age_max_seconds", "Age of the oldest last heartbeat."
        )
        oldest.add_metric([], max(ages, default=0.0))
        return [by_status, oldest, _histogram(ages)]


def _histogram(ages: list[float]) -> Metric:
    buckets = [(str(end), float(sum(age <= end for age in ages))) for end in AGES_S]
    made = GaugeHistogramMetricFamily(
        "secbeat_fleet_heartbeat_age_seconds", "Nodes by the age of their last heartbeat."
    )
    made.add_metric([], [*buckets, ("+Inf", float(len(ages)))], sum(ages))
    return made
