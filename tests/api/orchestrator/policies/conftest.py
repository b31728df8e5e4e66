"""Nodes that say what they have applied, and the turns of deployments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.storage.housekeeping import Housekeeper
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
    clock: FakeClock
    packets: int = 0
    dropped: int = 0

    def get(self, path: str) -> Any:
        return self.client.get(f"/api/v1/nodes/{self.id}/{path}")

    def desired(self) -> int | None:
        found: int | None = self.get("desired").json["policy"]
        return found

    def beat(self, **more: Any) -> None:
        self.clock.pass_ms(1)  # no two heartbeats of a node are of one moment
        stats = {"packets_processed": self.packets, "packets_dropped": self.dropped}
        answer = self.client.post(
            f"/api/v1/nodes/{self.id}/heartbeat", json=heartbeat(self.clock, stats=stats) | more
        )
        assert answer.status_code == 200, answer.json

    def applied(self, number: int | None = None, **more: Any) -> None:
        """A heartbeat with what the node has done about the policy that it is to have."""
        found = self.get("desired").json
        applied = {"epoch": found["epoch"], "number": found["policy"] if number is None else number}
        self.beat(applied={"policy": applied | more})


Join = Callable[..., Node]


@pytest.fixture
def join(enrol: Callable[..., FlaskClient], clock: FakeClock) -> Join:
    """A healthy node with labels."""

    def make(node: str = "node-1", **more: Any) -> Node:
        found = Node(node, enrol(node, **more), clock)
        found.beat()
        return found

    return make


@pytest.fixture
def turn(fleet: Flask) -> Callable[[], None]:
    """One turn of all that a worker does in the background."""
    return orchestrator_of(fleet).housekeeper.turn


@pytest.fixture(autouse=True)
def _always_fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change is seen with the next request, and every duty is due with every turn."""
    monkeypatch.setattr("api.orchestrator.following.service.FRESH_S", 0)
    register = Housekeeper.register

    def always_due(keeper: Housekeeper, name: str, turn: Any, every_s: float = 0) -> None:
        register(keeper, name, turn, 0)

    monkeypatch.setattr(Housekeeper, "register", always_due)
