"""Deployments are counted by state."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.orchestrator.policies.metrics import collect
from tests.api.orchestrator.policies.test_deploying import deploy


def test_deployments_by_state(admin: FlaskClient, fleet: Flask) -> None:
    for _ in range(3):
        deploy(admin)
    with orchestrator_of(fleet).database.read() as connection:
        (metric,) = collect(connection)
    found = {each.labels["state"]: each.value for each in metric.samples}
    assert (found["rolling"], found["superseded"], found["done"]) == (1, 2, 0)
