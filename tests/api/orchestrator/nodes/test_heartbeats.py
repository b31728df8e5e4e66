"""What heartbeats change, when it is written, and what they give away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from api.common.contract.schemas import rfc3339
from api.orchestrator.app import orchestrator_of
from api.orchestrator.database.tables.nodes import nodes
from tests.api.orchestrator.conftest import heartbeat
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]


@pytest.fixture
def beat(enrol: Enrol, clock: FakeClock) -> Callable[..., None]:
    """A heartbeat of node-1, now."""
    node = enrol("node-1")

    def send(**more: Any) -> None:
        answer = node.post("/api/v1/nodes/node-1/heartbeat", json=heartbeat(clock, **more))
        assert answer.status_code == 200, answer.json

    return send


def _show(admin: FlaskClient) -> Any:
    return admin.get("/api/v1/nodes/node-1").json


def test_figures_are_written_together_within_a_second(
    fleet: Flask, admin: FlaskClient, beat: Callable[..., None], clock: FakeClock
) -> None:
    beat(load=0.1)
    clock.pass_ms(10_000)
    beat(load=0.2, stats={"packets_processed": 10**15})
    database = orchestrator_of(fleet).database
    with database.read() as connection:
        assert connection.execute(select(nodes.c.load)).scalar_one() == 0.1
    orchestrator_of(fleet).housekeeper.turn()
    found = _show(admin)
    assert found["load"] == 0.2
    assert found["stats"] == {"packets_processed": 10**15}
    assert found["last_seen_at"] == rfc3339(clock.utc_ms())


def test_what_is_no_figure_is_written_at_once(fleet: Flask, beat: Callable[..., None]) -> None:
    beat()
    rejected = {"epoch": "e", "number": 3, "state": "rejected", "message": "no"}
    for field, value in {
        "health": "degraded",
        "reasons": ["disk"],
        "mode": "syn",
        "version": "0.2.0",
        "address": "10.0.1.99:9090",
        "boot_id": "b2",
        "applied": {"policy": rejected},
        "rule_types": ["rate_limit"],
    }.items():
        beat(**{field: value})
        with orchestrator_of(fleet).database.read() as connection:
            assert connection.execute(select(nodes.c[field])).scalar_one() == value


def test_a_clock_that_is_off_degrades_a_node(
    admin: FlaskClient, beat: Callable[..., None], clock: FakeClock
) -> None:
    beat(at=rfc3339(clock.utc_ms() - 4_000))
    assert _show(admin)["status"] == "healthy"
    beat(at=rfc3339(clock.utc_ms() + 6_000))
    found = _show(admin)
    assert (found["status"], found["reasons"]) == ("degraded", ["clock_off"])
    assert found["clock_off_ms"] == 6_000
    beat()
    assert _show(admin)["status"] == "healthy"


def test_two_hosts_that_take_turns_are_duplicate_until_one_is_left(
    admin: FlaskClient, beat: Callable[..., None], clock: FakeClock
) -> None:
    for boot in ("one", "two", "one"):
        assert _show(admin)["reasons"] == []
        clock.pass_ms(5_000)
        beat(boot_id=boot)
    assert (_show(admin)["status"], _show(admin)["reasons"]) == ("degraded", ["duplicate"])
    for _ in range(7):
        clock.pass_ms(10_000)
        beat(boot_id="one")
    assert _show(admin)["status"] == "healthy"


def test_a_host_that_starts_anew_again_and_again_is_one(
    admin: FlaskClient, beat: Callable[..., None]
) -> None:
    for boot in ("one", "two", "three", "four"):
        beat(boot_id=boot)
    assert _show(admin)["status"] == "healthy"


def test_a_heartbeat_that_is_none_is_refused_and_changes_nothing(
    admin: FlaskClient, beat: Callable[..., None], enrol: Enrol, clock: FakeClock
) -> None:
    beat()
    before = _show(admin)
    liar = enrol("node-2")
    answer = liar.post("/api/v1/nodes/node-2/heartbeat", json=heartbeat(clock, load=2.0))
    assert answer.status_code == 422, answer.json
    assert answer.json["errors"][0]["field"] == "load"
    assert _show(admin) == before
    assert admin.get("/api/v1/nodes/node-2").json["status"] == "registering"


def test_numbers_that_no_orchestrator_has_given_out_are_the_liar_s_alone(
    admin: FlaskClient, beat: Callable[..., None], enrol: Enrol, clock: FakeClock
) -> None:
    future = {"epoch": "f", "number": 10**18, "state": "applied"}
    sent = heartbeat(clock, applied={"policy": future, "lists": future})
    liar = enrol("node-2")
    assert liar.post("/api/v1/nodes/node-2/heartbeat", json=sent).status_code == 200
    beat()
    assert _show(admin)["policy"] is None
    assert liar.get("/api/v1/nodes/node-2/desired").json["lists"] == 0


def test_a_heartbeat_of_more_than_a_mebibyte_is_not_read(
    beat: Callable[..., None], enrol: Enrol, clock: FakeClock
) -> None:
    beat()
    sent = heartbeat(clock, reasons=["x" * (1 << 20)])
    answer = enrol("node-2").post("/api/v1/nodes/node-2/heartbeat", json=sent)
    assert answer.status_code == 413
