"""Two workers know the same nodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import create_app, orchestrator_of
from api.orchestrator.settings import OrchestratorSettings
from tests.api.orchestrator.conftest import client_of, heartbeat
from tests.support.clock import FakeClock
from tests.support.waiting import wait_for

Enrol = Callable[..., FlaskClient]
NODE = "/api/v1/nodes/node-1"


@pytest.fixture
def other(fleet: Flask, fleet_settings: OrchestratorSettings, clock: FakeClock) -> Iterator[Flask]:
    app = create_app(fleet_settings, clock)
    yield app
    orchestrator_of(app).close()


@pytest.fixture
def elsewhere(other: Flask, enrol: Enrol) -> FlaskClient:
    """The node's client of the other worker."""
    return client_of(other, enrol("node-1").environ_base["HTTP_X_SECBEAT_API_KEY"])


def test_a_node_that_one_deletes_is_unknown_to_the_other(
    admin: FlaskClient, elsewhere: FlaskClient, clock: FakeClock
) -> None:
    assert elsewhere.post(f"{NODE}/heartbeat", json=heartbeat(clock)).status_code == 200
    assert admin.delete(NODE).status_code == 204
    wait_for(
        lambda: elsewhere.post(f"{NODE}/heartbeat", json=heartbeat(clock)).status_code == 401,
        "the other worker has forgotten its key",
    )
    assert admin.get(NODE).status_code == 404


def test_older_figures_of_one_do_not_replace_newer_ones_of_the_other(
    fleet: Flask,
    other: Flask,
    admin: FlaskClient,
    enrol: Enrol,
    elsewhere: FlaskClient,
    clock: FakeClock,
) -> None:
    here = enrol("node-1")
    for load, client in ((0.1, here), (0.2, here), (0.3, elsewhere)):
        clock.pass_ms(1_000)
        sent = heartbeat(clock, load=load)
        assert client.post(f"{NODE}/heartbeat", json=sent).status_code == 200
    for app in (other, fleet):
        orchestrator_of(app).housekeeper.turn()
    assert admin.get(NODE).json["load"] == 0.3
