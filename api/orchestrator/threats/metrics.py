"""Metrics: active threats by type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection

from api.orchestrator.threats.service import Threats
from dataplane.shared.labels import ATTACKS

WINDOW_S = 300
OTHER = "other"
"""Label for a type that only newer nodes have."""


class ThreatMetrics:
    """See `api.orchestrator.metrics.collecting.Collect`."""

    def __init__(self, threats: Threats) -> None:
        self._threats = threats

    def __call__(self, connection: Connection) -> Iterable[Metric]:
        """A sample for every type, also of those without any."""
        del connection  # uses the same cached summary as requests, for a second
        found = Counter(
            each.type if each.type in ATTACKS else OTHER
            for each in self._threats.summary(WINDOW_S).threats
            if each.is_active
        )
        made = GaugeMetricFamily("secbeat_fleet_threats", "Threats that go on.", labels=["type"])
        for name in (*ATTACKS, OTHER):
            made.add_metric([name], found[name])
        return [made]
