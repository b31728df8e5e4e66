"""A real receiver gets what the signature vouches for, once from several workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.orchestrator.settings import OrchestratorSettings
from api.orchestrator.webhooks.office import Office
from api.webhooks import secret
from api.webhooks.settings import WebhookSettings
from dataplane.base.clock import SystemClock
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock
from tests.support.servers.receiver import Receiver, receiving
from tests.support.waiting import wait_for


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    """At today's time, which the receiver compares."""
    return FakeClock(now_utc_ms=SystemClock().utc_ms())


@pytest.fixture
def webhooks(receiver: Receiver, tmp_path: Path) -> WebhookSettings:
    return WebhookSettings(
        endpoints=(receiver.url,),
        events=("node_health",),
        secret_file=tmp_path / "webhooks.secret",
        allow_hosts=("127.0.0.1",),
    )


@pytest.fixture
def fleet_settings(
    fleet_settings: OrchestratorSettings, webhooks: WebhookSettings
) -> OrchestratorSettings:
    return replace(fleet_settings, webhooks=webhooks)


def test_a_change_is_told_once_and_signed(
    fleet: Flask,
    enrol: Callable[..., FlaskClient],
    receiver: Receiver,
    webhooks: WebhookSettings,
    clock: FakeClock,
) -> None:
    node = enrol("node-1")
    for health in ("healthy", "degraded"):
        sent = heartbeat(clock, health=health)
        assert node.post("/api/v1/nodes/node-1/heartbeat", json=sent).status_code == 200
    database = orchestrator_of(fleet).database
    workers = [Office(webhooks, database, SystemClock()) for _ in range(2)]
    for each in workers:
        each.start()
    try:
        wait_for(lambda: len(receiver.taken) >= 2, "both changes are told")
    finally:
        for each in workers:
            each.close()
    assert webhooks.secret_file is not None
    for got in receiver.taken:
        got.verify(secret.load(webhooks.secret_file))
    told = [(each.event["node_id"], each.event["data"]["status"]) for each in receiver.taken]
    assert told == [("node-1", "healthy"), ("node-1", "degraded")]
    assert len(set(receiver.ids())) == 2


def test_a_test_that_is_asked_for_arrives_signed(
    admin: FlaskClient, receiver: Receiver, webhooks: WebhookSettings
) -> None:
    answer = admin.post("/api/v1/webhooks/test", json={})
    assert answer.status_code == 200
    (result,) = answer.json["results"]
    assert (result["delivered"], result["name"]) == (True, "1:127.0.0.1")
    (got,) = receiver.taken
    assert webhooks.secret_file is not None
    got.verify(secret.load(webhooks.secret_file))
    assert (got.event["event"], got.event["id"]) == ("test", result["webhook_id"])
