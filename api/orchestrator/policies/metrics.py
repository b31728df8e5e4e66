"""Deployments by state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection, func, select

from api.orchestrator.database.tables.policies import deployments
from api.orchestrator.policies.schemas import State

_BY_STATE = select(deployments.c.state, func.count()).group_by(deployments.c.state)


def collect(connection: Connection) -> Iterable[Metric]:
    """Deployments that are kept, by state; a failed one increases ``rolled_back``."""
    found = {row[0]: row[1] for row in connection.execute(_BY_STATE)}
    metric = GaugeMetricFamily(
        "secbeat_fleet_deployments", "Deployments of policies that are kept.", labels=["state"]
    )
    for state in get_args(State):
        metric.add_metric([state], found.get(state, 0))
    return [metric]
