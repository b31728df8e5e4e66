"""Two workers on one database behave as one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import create_app, orchestrator_of
from api.orchestrator.settings import OrchestratorSettings
from tests.api.orchestrator.conftest import HEADER, heartbeat
from tests.support.clock import FakeClock
from tests.support.waiting import wait_for


@pytest.fixture
def other(fleet: Flask, fleet_settings: OrchestratorSettings, clock: FakeClock) -> Iterator[Flask]:
    app = create_app(fleet_settings, clock)
    yield app
    orchestrator_of(app).close()


def with_key(app: Flask, key: str) -> Callable[[str], int]:
    client = app.test_client()
    return lambda path: client.get(f"/api/v1{path}", headers={HEADER: key}).status_code


def test_a_key_that_one_makes_and_revokes_is_so_for_the_other(
    admin: FlaskClient, other: Flask
) -> None:
    made = admin.post("/api/v1/keys", json={"name": "k", "role": "read"}).json
    asks = with_key(other, made["key"])
    assert asks("/nodes") == 200
    assert admin.delete(f"/api/v1/keys/{made['id']}").status_code == 204
    wait_for(lambda: asks("/nodes") == 401, "the other worker refuses it")


def test_a_node_of_one_is_a_node_of_the_other(
    admin: FlaskClient, enrol: Callable[..., FlaskClient], other: Flask
) -> None:
    node = enrol("node-1")
    key = node.environ_base["HTTP_X_SECBEAT_API_KEY"]
    elsewhere = other.test_client()
    answer = elsewhere.post(
        "/api/v1/nodes/node-1/heartbeat", json=heartbeat(), headers={HEADER: key}
    )
    assert answer.status_code == 200
    wait_for(lambda: admin.get("/api/v1/nodes/node-1").json["status"] == "healthy", "it is healthy")


def test_both_have_the_first_keys(
    admin: FlaskClient, other: Flask, fleet_settings: OrchestratorSettings
) -> None:
    text = (fleet_settings.keys / "admin.key").read_text().strip()
    assert with_key(other, text)("/nodes") == 200


def _start(settings: OrchestratorSettings, clock: FakeClock) -> None:
    orchestrator_of(create_app(settings, clock)).close()


def test_of_workers_that_start_at_once_one_makes_the_first_keys(
    fleet_settings: OrchestratorSettings, clock: FakeClock
) -> None:
    """In processes, as workers are: CPython 3.11.2 can't make syntax trees in several threads."""
    spawning = multiprocessing.get_context("spawn")
    workers = [spawning.Process(target=_start, args=(fleet_settings, clock)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    app = create_app(fleet_settings, clock)
    for name, status in (("admin", 200), ("enrol", 403)):
        text = (fleet_settings.keys / f"{name}.key").read_text().strip()
        assert with_key(app, text)("/nodes") == status
    orchestrator_of(app).close()
