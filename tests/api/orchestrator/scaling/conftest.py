"""An orchestrator with a provisioner that makes nodes of nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.common.contract.schemas import rfc3339
from api.orchestrator.app import create_app, orchestrator_of
from api.orchestrator.scaling.provisioner import Hear, ProvisionerError
from api.orchestrator.scaling.settings import ScalingSettings
from api.orchestrator.scaling.worker import Worker
from api.orchestrator.settings import OrchestratorSettings
from tests.api.orchestrator.conftest import client_of, heartbeat, registration
from tests.support.clock import FakeClock

LIMITS = ScalingSettings(provider="fake", nodes_max=3, timeout_s=60, drain_s=20)


class Killed(BaseException):
    """The process that runs a job dies: nothing of it is done any more."""


class FakeProvisioner:
    """Makes nodes that register and are healthy, unless told otherwise."""

    def __init__(self, app: Flask, clock: FakeClock) -> None:
        self.app = app
        self.clock = clock
        self._spoken = 0
        self._made: dict[str, int] = {}
        self.free = 2
        self.there: list[str] = []
        self.asked: list[tuple[str, str]] = []
        self.stats: dict[str, int] = {"drain_complete": 1, "connections_proxied": 0}
        self.health: Callable[[str], str | None] = lambda _node: "healthy"
        """None: the node is not heard of."""
        self.follows: Callable[[str, str], str] = lambda _node, _part: "applied"
        """What becomes of a part that the fleet wants."""
        self.drains = True
        self.local = False
        self.lists: Callable[[], None] = lambda: None
        self.before: Callable[[str, str], None] = lambda _verb, _node: None
        self.after: Callable[[str, str], None] = lambda _verb, _node: None

    def ask(
        self, verb: str, details: dict[str, Any], _timeout_s: float, hear: Hear
    ) -> dict[str, Any]:
        if verb == "capacity":
            return {"free": self.free, "limit": "two nodes on two CPUs"}
        if verb == "list":
            self.lists()
            return {"nodes": list(self.there), "local": self.local}
        node = details["node"]
        self.asked.append((verb, node))
        self.before(verb, node)
        hear(f"{verb} {node}")
        if verb == "create" and node not in self.there:
            self.there.append(node)
            self._register(node, details["fleet"]["token"])
        if verb == "destroy" and node in self.there:
            self.there.remove(node)
        self.after(verb, node)
        return {}

    def _key(self, node: str) -> str:
        """A node that is made anew makes itself another key."""
        return f"key {self._made[node]} of {node}".ljust(40, ".")

    def applied(self, node: str) -> dict[str, Any]:
        """What the node says of what the fleet wants."""
        client = client_of(self.app, self._key(node))
        wanted = client.get(f"/api/v1/nodes/{node}/desired").json
        epoch, drains = wanted["epoch"], self.drains and wanted["state"] == "draining"
        said = {"drain": {"epoch": epoch, "number": int(drains)}}
        for part in ("policy", "lists", "rules"):
            if wanted[part] is not None:
                state = self.follows(node, part)
                said[part] = {"epoch": epoch, "number": wanted[part], "state": state}
        return said

    def speak(self, node: str) -> None:
        """The node's heartbeat."""
        health = self.health(node)
        if health is not None:
            self._spoken += 1
            sent = heartbeat(
                at=rfc3339(self.clock.utc_ms()),
                version=f"0.1.{self._spoken}",  # what is new in other words is written at once
                health=health,
                applied=self.applied(node),
                stats=self.stats,
            )
            url = f"/api/v1/nodes/{node}/heartbeat"
            assert client_of(self.app, self._key(node)).post(url, json=sent).status_code == 200

    def _register(self, node: str, token: str) -> None:
        self._made[node] = self._made.get(node, 0) + 1
        enrolling = client_of(self.app, token)
        wanted = registration(node, self._key(node))
        assert enrolling.post("/api/v1/nodes/register", json=wanted).status_code == 201
        self.speak(node)


@pytest.fixture
def fleet_settings(fleet_settings: OrchestratorSettings) -> OrchestratorSettings:
    return replace(fleet_settings, scaling=LIMITS)


@pytest.fixture
def fleet(
    fleet_settings: OrchestratorSettings, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Flask]:
    """The provisioner is the fixture's, which needs the application that needs it."""
    made: list[FakeProvisioner] = []

    class Late:
        def ask(self, *arguments: Any) -> dict[str, Any]:
            return made[0].ask(*arguments)

    monkeypatch.setattr(
        "api.orchestrator.scaling.compose.SocketProvisioner", lambda *_arguments: Late()
    )
    app = create_app(fleet_settings, clock)
    made.append(FakeProvisioner(app, clock))
    app.extensions["provisioner"] = made[0]
    yield app
    orchestrator_of(app).close()


@pytest.fixture
def provisioner(fleet: Flask) -> FakeProvisioner:
    made: FakeProvisioner = fleet.extensions["provisioner"]
    return made


class MakeWorker(Protocol):
    """Makes one more process that runs jobs, on a host of this name."""

    def __call__(self, host: str = "fleet-1") -> Worker: ...


@pytest.fixture
def make_worker(fleet: Flask, provisioner: FakeProvisioner, clock: FakeClock) -> MakeWorker:
    """While a worker waits, time goes by and nodes speak."""

    def wait(seconds: float) -> None:
        clock.pass_ms(int(seconds * 1000))
        for node in provisioner.there:
            provisioner.speak(node)

    def make(host: str = "fleet-1") -> Worker:
        scaler = orchestrator_of(fleet).scaler
        assert scaler is not None
        seconds = lambda: clock.boot_ms() / 1000  # noqa: E731
        means = replace(scaler.means, host=host, wait=wait, seconds=seconds)
        return Worker(orchestrator_of(fleet).database, clock, means)

    return make


@pytest.fixture
def worker(make_worker: MakeWorker) -> Worker:
    return make_worker()


def fail(_verb: str, _node: str) -> None:
    """What a provider does that can't."""
    raise ProvisionerError("no more addresses")


def scale(client: FlaskClient, action: str, count: int, **more: Any) -> Any:
    """Ask for a job."""
    return client.post("/api/v1/scale", json={"action": action, "count": count} | more)


def job_of(client: FlaskClient, answer: Any) -> Any:
    """The job that an answer was about, as it is now."""
    return client.get(answer.headers["Location"]).json
