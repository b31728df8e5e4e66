"""Receivers of the fleet's webhooks: how they stand, dead letters, tests; the events' numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.orchestrator.settings import OrchestratorSettings
from api.orchestrator.webhooks.office import Office
from api.webhooks.message import Message
from api.webhooks.sending import Outcome
from api.webhooks.settings import WebhookSettings
from api.webhooks.targets import Target
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock

ONE, TWO = "1:one.example", "2:two.example"
WEBHOOKS = WebhookSettings(
    endpoints=("https://one.example/hook?token=t", "https://two.example/hook"),
    events=("node_health",),
    max_retries=1,
)
URL = "/api/v1/webhooks"
Told = tuple[str, str, int]


@pytest.fixture
def fleet_settings(fleet_settings: OrchestratorSettings) -> OrchestratorSettings:
    return replace(fleet_settings, webhooks=WEBHOOKS)


@dataclass
class FakeSender:
    """Each host fares as it is told to, or well."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def __call__(self, target: Target, message: Message, _timeout_s: float) -> Outcome:
        self.sent.append((target.host, json.loads(message.body)))
        return self.outcomes.get(target.host, Outcome(status=204))

    def taken_by(self, host: str) -> list[Told]:
        """Node, status and sequence."""
        return [
            (each["node_id"], each["data"]["status"], each["sequence"])
            for to, each in self.sent
            if to == host
        ]


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def office(fleet: Flask, sender: FakeSender, clock: FakeClock) -> Office:
    return Office(WEBHOOKS, orchestrator_of(fleet).database, clock, sender)


@pytest.fixture
def beat(enrol: Callable[..., FlaskClient], clock: FakeClock) -> Callable[[str, str], None]:
    nodes = {name: enrol(name) for name in ("node-1", "node-2")}

    def send(name: str, health: str) -> None:
        node = nodes[name]
        sent = heartbeat(clock, health=health)
        assert node.post(f"/api/v1/nodes/{name}/heartbeat", json=sent).status_code == 200

    return send


def deliver(office: Office) -> None:
    for _ in range(5):
        for courier in office.couriers:
            courier.turn()


def listed(admin: FlaskClient, name: str) -> dict[str, Any]:
    found = admin.get(URL).json["endpoints"]
    return next(each for each in found if each["name"] == name)


def test_events_are_numbered_alike_for_all_receivers(
    beat: Callable[[str, str], None], office: Office, sender: FakeSender
) -> None:
    beat("node-1", "healthy")
    beat("node-2", "healthy")
    beat("node-1", "degraded")
    deliver(office)
    told = [("node-1", "healthy", 1), ("node-2", "healthy", 2), ("node-1", "degraded", 3)]
    assert sender.taken_by("one.example") == sender.taken_by("two.example") == told


def test_two_orchestrators_give_no_number_twice(
    fleet: Flask,
    beat: Callable[[str, str], None],
    office: Office,
    sender: FakeSender,
    clock: FakeClock,
) -> None:
    other = Office(WEBHOOKS, orchestrator_of(fleet).database, clock, sender)
    beat("node-1", "healthy")
    deliver(office)
    beat("node-1", "degraded")
    deliver(other)
    assert [each[2] for each in sender.taken_by("one.example")] == [1, 2]


def test_a_receiver_that_fails_says_so_until_it_does_not(
    admin: FlaskClient,
    beat: Callable[[str, str], None],
    office: Office,
    sender: FakeSender,
    clock: FakeClock,
) -> None:
    assert listed(admin, ONE)["state"] == "idle"
    beat("node-1", "healthy")
    assert listed(admin, ONE)["state"] == "delivering"
    sender.outcomes["one.example"] = Outcome(status=500, error="HTTP 500")
    deliver(office)
    found = listed(admin, ONE)
    assert (found["state"], found["failures"], found["pending"]) == ("failing", 1, 1)
    assert found["last_error"] == "HTTP 500"
    assert found["next_attempt_at"] is not None
    assert (listed(admin, TWO)["state"], listed(admin, TWO)["pending"]) == ("idle", 0)
    assert "token" not in json.dumps(admin.get(URL).json)
    sender.outcomes.clear()
    clock.pass_ms(5_000)
    deliver(office)
    found = listed(admin, ONE)
    assert (found["state"], found["failures"], found["last_error"]) == ("idle", 0, None)
    assert found["last_success_at"] is not None


def test_dead_letters_are_listed_and_sent_again(
    admin: FlaskClient,
    beat: Callable[[str, str], None],
    office: Office,
    sender: FakeSender,
    clock: FakeClock,
) -> None:
    sender.outcomes["one.example"] = Outcome(status=500, error="HTTP 500")
    beat("node-1", "healthy")
    for _ in range(2):
        deliver(office)
        clock.pass_ms(5_000)
    found = admin.get(URL).json
    assert found["dead_total"] == 1
    (letter,) = found["dead"]
    assert (letter["kind"], letter["endpoint"], letter["attempts"]) == ("node_health", ONE, 2)
    assert (letter["last_status"], letter["last_error"]) == (500, "HTTP 500")
    assert letter["last_at"] is not None
    assert admin.post(f"{URL}/retry", json={"endpoint": TWO}).json == {"retried": 0}
    again = admin.post(f"{URL}/retry", json={"event": letter["event"]})
    assert again.json == {"retried": 1}
    sender.outcomes.clear()
    deliver(office)
    assert sender.taken_by("one.example")[-1] == ("node-1", "healthy", 1)
    assert admin.get(URL).json["dead_total"] == 0


def test_a_test_is_of_no_node_and_has_no_number(office: Office, sender: FakeSender) -> None:
    sender.outcomes["two.example"] = Outcome(error="no answer within 10 s")
    results = {each["name"]: each for each in office.test(None)}
    assert (results[ONE]["delivered"], results[ONE]["status"]) == (True, 204)
    assert (results[TWO]["delivered"], results[TWO]["error"]) == (False, "no answer within 10 s")
    (_, body), _ = sender.sent
    said = (body["event"], body["node_id"], body["sequence"])
    assert said == ("test", "orchestrator", None)


@pytest.mark.parametrize("what", ["test", "retry"])
def test_a_receiver_that_is_not_there_is_404(admin: FlaskClient, what: str) -> None:
    answer = admin.post(f"{URL}/{what}", json={"endpoint": "3:other"})
    assert answer.status_code == 404
    assert ONE in answer.json["detail"]
