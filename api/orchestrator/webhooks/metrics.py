"""Metrics: webhooks that wait, and those that were given up."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection, func, select

from api.orchestrator.database.tables.outbox import outbox
from api.orchestrator.webhooks.outbox import DEAD, PENDING

_BY_STATE = select(outbox.c.state, func.count()).group_by(outbox.c.state)


def collect(connection: Connection) -> Iterable[Metric]:
    """Sums over all receivers: their URLs may contain secrets."""
    found = {row[0]: row[1] for row in connection.execute(_BY_STATE)}
    made = GaugeMetricFamily(
        "secbeat_fleet_webhooks", "Webhooks that wait or were given up.", labels=["state"]
    )
    for state in (PENDING, DEAD):
        made.add_metric([state], found.get(state, 0))
    return [made]
