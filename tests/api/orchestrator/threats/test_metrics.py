"""Threats that go on are counted by type; unknown types are one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.orchestrator.threats.metrics import ThreatMetrics
from api.orchestrator.threats.service import Threats
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock


def test_threats_that_go_on_are_counted_by_type(
    fleet: Flask,
    enrol: Callable[..., FlaskClient],
    incident: Callable[..., Any],
    clock: FakeClock,
) -> None:
    found = [
        incident(1),
        incident(2, type="http_flood", ended_s=5),
        incident(3, type="of_a_newer_node"),
    ]
    node = enrol("node-1")
    node.post("/api/v1/nodes/node-1/heartbeat", json=heartbeat(clock, incidents=found))
    database = orchestrator_of(fleet).database
    with database.read() as connection:
        (metric,) = ThreatMetrics(Threats(database, clock))(connection)
    samples = {each.labels["type"]: each.value for each in metric.samples}
    assert {name: count for name, count in samples.items() if count} == {"syn_flood": 1, "other": 1}
    assert samples["http_flood"] == 0
