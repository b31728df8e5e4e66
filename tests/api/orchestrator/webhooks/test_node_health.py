"""Receivers are told of nodes whose status changes: each message by one worker at a time."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.orchestrator.app import orchestrator_of
from api.orchestrator.database.tables.outbox import outbox
from api.orchestrator.nodes.heartbeats.service import Heartbeats
from api.orchestrator.settings import OrchestratorSettings
from api.orchestrator.webhooks.office import Office
from api.webhooks.message import Message
from api.webhooks.sending import Outcome
from api.webhooks.settings import WebhookSettings
from api.webhooks.targets import Target
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
WEBHOOKS = WebhookSettings(endpoints=("https://example.com/hook",), events=("node_health",))


@pytest.fixture
def fleet_settings(fleet_settings: OrchestratorSettings) -> OrchestratorSettings:
    return replace(fleet_settings, webhooks=WEBHOOKS)


@dataclass
class FakeSender:
    """Remembers what it was given, and fares as it is told to, at the end well."""

    outcomes: list[Outcome] = field(default_factory=list)
    sent: list[Message] = field(default_factory=list)

    def __call__(self, _target: Target, message: Message, _timeout_s: float) -> Outcome:
        self.sent.append(message)
        return self.outcomes.pop(0) if self.outcomes else Outcome(status=204)

    @property
    def told(self) -> list[tuple[str, str, str]]:
        """Node, previous and new status."""
        bodies = [json.loads(each.body) for each in self.sent]
        return [(b["node_id"], b["data"]["previous"], b["data"]["status"]) for b in bodies]


@pytest.fixture
def sender() -> FakeSender:
    return FakeSender()


@pytest.fixture
def offices(fleet: Flask, sender: FakeSender, clock: FakeClock) -> list[Office]:
    """Of two workers."""
    database = orchestrator_of(fleet).database
    return [Office(WEBHOOKS, database, clock, sender) for _ in range(2)]


def _deliver(offices: list[Office]) -> None:
    """Everything that is due, by both workers in turn."""
    for _ in range(10):
        for office in offices:
            for courier in office.couriers:
                courier.turn()


def _beat(node: FlaskClient, name: str, clock: FakeClock, **more: Any) -> None:
    answer = node.post(f"/api/v1/nodes/{name}/heartbeat", json=heartbeat(clock, **more))
    assert answer.status_code == 200, answer.json


@pytest.fixture
def listen(fleet: Flask, clock: FakeClock, offices: list[Office]) -> Callable[[int], None]:
    """The orchestrator is there for so many seconds."""
    heartbeats = Heartbeats(orchestrator_of(fleet).database, clock, offices[0].tell)

    def pass_by(seconds: int) -> None:
        for _ in range(seconds // 5):
            clock.pass_ms(5_000)
            heartbeats.find_silent()

    return pass_by


def test_a_status_that_changes_is_told_once_and_in_order(
    enrol: Enrol, clock: FakeClock, offices: list[Office], sender: FakeSender
) -> None:
    node = enrol("node-1")
    for health in ("healthy", "healthy", "degraded", "unhealthy", "healthy"):
        _beat(node, "node-1", clock, health=health)
    _deliver(offices)
    assert sender.told == [
        ("node-1", "registering", "healthy"),
        ("node-1", "healthy", "degraded"),
        ("node-1", "degraded", "healthy"),
    ]


def test_a_node_that_falls_silent_is_told_of_and_its_return(
    enrol: Enrol,
    clock: FakeClock,
    offices: list[Office],
    sender: FakeSender,
    listen: Callable[[int], None],
) -> None:
    node = enrol("node-1")
    listen(60)
    _beat(node, "node-1", clock)
    listen(60)
    _beat(node, "node-1", clock)
    _deliver(offices)
    assert sender.told[1:] == [
        ("node-1", "healthy", "unreachable"),
        ("node-1", "unreachable", "healthy"),
    ]


def test_after_a_break_of_its_own_an_orchestrator_calls_nobody_unreachable(
    enrol: Enrol,
    clock: FakeClock,
    offices: list[Office],
    sender: FakeSender,
    listen: Callable[[int], None],
) -> None:
    node = enrol("node-1")
    listen(60)
    _beat(node, "node-1", clock)
    clock.pass_ms(600_000)
    listen(20)
    _beat(node, "node-1", clock)
    _deliver(offices)
    assert sender.told == [("node-1", "registering", "healthy")]


def test_what_is_not_taken_is_tried_again_and_later_ones_of_the_node_wait(
    enrol: Enrol, clock: FakeClock, offices: list[Office], sender: FakeSender
) -> None:
    one, two = enrol("node-1"), enrol("node-2")
    _beat(one, "node-1", clock)
    _beat(one, "node-1", clock, health="degraded")
    _beat(two, "node-2", clock)
    sender.outcomes = [Outcome(status=422, error="no")]
    _deliver(offices)
    assert [each[0] for each in sender.told] == ["node-1", "node-2"]
    clock.pass_ms(2_000)
    _deliver(offices)
    assert [each[2] for each in sender.told[2:]] == ["healthy", "degraded"]
    assert sender.sent[0].id == sender.sent[2].id


def test_what_is_tried_too_often_is_a_dead_letter(
    fleet: Flask, enrol: Enrol, clock: FakeClock, sender: FakeSender
) -> None:
    few = replace(WEBHOOKS, max_retries=1)
    office = Office(few, orchestrator_of(fleet).database, clock, sender)
    _beat(enrol("node-1"), "node-1", clock)
    sender.outcomes = [Outcome(error="away")] * 2
    for _ in range(3):
        _deliver([office])
        clock.pass_ms(10_000)
    assert len(sender.sent) == 2
    with orchestrator_of(fleet).database.read() as connection:
        assert list(connection.execute(select(outbox.c.state)).scalars()) == ["dead"]
    clock.pass_ms(31 * 86_400_000)
    office.purge()
    with orchestrator_of(fleet).database.read() as connection:
        assert connection.execute(select(func.count()).select_from(outbox)).scalar_one() == 0


def test_a_worker_that_dies_with_a_message_loses_it_to_another(
    enrol: Enrol, clock: FakeClock, offices: list[Office], sender: FakeSender
) -> None:
    class DiedError(Exception):
        pass

    def dying(*_: object) -> Outcome:
        raise DiedError

    _beat(enrol("node-1"), "node-1", clock)
    first, second = (office.couriers[0] for office in offices)
    first._sender = dying
    with pytest.raises(DiedError):
        first.turn()
    second.turn()
    assert sender.sent == []
    clock.pass_ms(31_000)
    second.turn()
    assert len(sender.sent) == 1
