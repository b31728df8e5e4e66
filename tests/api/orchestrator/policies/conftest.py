"""Nodes that say what they have applied, and the turns of deployments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.orchestrator.policies.turn import Deploying
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock

POLICY = {
    "name": "strict-mode",
    "rules": [
        {"type": "rate_limit", "value": 1000},
        {"type": "geo_block", "countries": ["CN", "RU"]},
    ],
}


@dataclass
class Node:
    """A node of the fleet, as its agent speaks for it."""

    id: str
    client: FlaskClient
    packets: int = 0
    dropped: int = 0

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/nodes/{self.id}/{path}")

    def desired(self) -> int | None:
        found: int | None = self.get("desired").json["policy"]
        return found

    def beat(self, **more: Any) -> None:
        stats = {"packets_processed": self.packets, "packets_dropped": self.dropped}
        answer = self.client.post(
            f"/api/v1/nodes/{self.id}/heartbeat", json=heartbeat(stats=stats) | more
        )
        assert answer.status_code == 200, answer.json

    def applied(self, number: int | None = None, **more: Any) -> None:
        """A heartbeat with what the node has done about the policy that it is to have."""
        found = self.get("desired").json
        applied = {"epoch": found["epoch"], "number": found["policy"] if number is None else number}
        self.beat(applied={"policy": applied | more})


Join = Callable[..., Node]


@pytest.fixture
def join(enrol: Callable[..., FlaskClient]) -> Join:
    """A healthy node with labels."""

    def make(node: str = "node-1", **more: Any) -> Node:
        found = Node(node, enrol(node, **more))
        found.beat()
        return found

    return make


@pytest.fixture
def turn(fleet: Flask, clock: FakeClock) -> Callable[[], None]:
    """One turn of the deployments, in a worker's background."""
    return Deploying(orchestrator_of(fleet).database, clock).turn


@pytest.fixture(autouse=True)
def _always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A node's next request sees a change at once, not 0.2 s later."""
    monkeypatch.setattr("api.orchestrator.following.service.FRESH_S", 0)
