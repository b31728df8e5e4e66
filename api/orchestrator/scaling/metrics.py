"""Metrics: jobs by state, and the nodes that they have created."""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import Connection, func, select

from api.orchestrator.database.tables.jobs import job_nodes, jobs
from api.orchestrator.scaling.schemas import NodeState, State


def collect(connection: Connection) -> Iterable[Metric]:
    """See `api.orchestrator.metrics.collecting.Collect`."""
    by_state = select(jobs.c.state, func.count()).group_by(jobs.c.state)
    found = {row[0]: row[1] for row in connection.execute(by_state)}
    all_jobs = GaugeMetricFamily(
        "secbeat_fleet_jobs", "Jobs that are kept, of making and removing nodes.", labels=["state"]
    )
    for state in get_args(State):
        all_jobs.add_metric([state], found.get(state, 0))
    by_state = select(job_nodes.c.state, func.count()).group_by(job_nodes.c.state)
    found = {row[0]: row[1] for row in connection.execute(by_state)}
    made = GaugeMetricFamily(
        "secbeat_fleet_scaled_nodes", "Nodes that jobs have made.", labels=["state"]
    )
    for state in get_args(NodeState):
        made.add_metric([state], found.get(state, 0))
    return [all_jobs, made]
