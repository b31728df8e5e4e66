"""A deployment that asks for a confirmation is withdrawn without one; any that goes on can be."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.orchestrator.policies.turn import Deploying
from tests.api.orchestrator.policies.conftest import Join
from tests.api.orchestrator.policies.test_canary import CANARY, hold, seen
from tests.api.orchestrator.policies.test_deploying import deploy
from tests.support.clock import FakeClock

Turn = Callable[[], None]


def test_without_a_confirmation_nodes_get_back_what_they_had(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    node = join()
    deploy(admin)
    deploy(admin, "?confirm_within=60")
    node.applied()
    turn()
    assert seen(admin, 2)["state"] == "confirming"
    clock.pass_ms(60_000)
    turn()
    found = seen(admin, 2)
    assert (found["state"], found["reason"]) == ("rolled_back", "not confirmed within 60 s")
    assert node.desired() == 1


def test_what_is_confirmed_in_time_stays(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    node = join()
    deploy(admin, "?confirm_within=60")
    node.applied()
    turn()
    assert admin.post("/api/v1/deployments/1/confirm").json["confirmed_by"] == "admin"
    clock.pass_ms(61_000)
    node.applied()
    turn()
    assert (seen(admin, 1)["state"], node.desired()) == ("done", 1)
    assert admin.post("/api/v1/deployments/1/confirm").status_code == 409


def test_the_time_to_confirm_begins_when_the_canary_is_past(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    canary = join()
    assert deploy(admin, f"{CANARY}&confirm_within=60")["confirm_until"] is None
    hold(canary, turn)
    clock.pass_ms(20_000)
    canary.applied()
    turn()
    assert seen(admin, 1)["confirm_until"] is not None
    clock.pass_ms(60_000)
    turn()
    assert seen(admin, 1)["state"] == "rolled_back"


def test_only_what_asks_for_it_is_confirmed(admin: FlaskClient) -> None:
    deploy(admin)
    answer = admin.post("/api/v1/deployments/1/confirm")
    assert answer.status_code == 409
    assert "asks for no confirmation" in answer.json["detail"]


def test_a_deployment_that_goes_on_can_be_cancelled(
    admin: FlaskClient, join: Join, turn: Turn
) -> None:
    node = join()
    deploy(admin)
    node.applied()
    turn()
    deploy(admin)
    assert node.desired() == 2
    assert admin.post("/api/v1/deployments/2/cancel").json["reason"] == "cancelled by admin"
    assert node.desired() == 1
    assert admin.post("/api/v1/deployments/1/cancel").status_code == 409


def test_of_two_workers_one_moves_a_deployment(
    admin: FlaskClient, fleet: Flask, join: Join, clock: FakeClock
) -> None:
    node = join()
    deploy(admin, "?confirm_within=60")
    node.applied()
    database = orchestrator_of(fleet).database
    first, second = Deploying(database, clock), Deploying(database, clock)
    clock.pass_ms(60_000)
    (stale,) = second.sights()
    first.turn()
    second.move(stale)
    actions = [row["action"] for row in admin.get("/api/v1/audit").json["audit"]]
    assert actions.count("deployment.roll_back") == 1
    assert seen(admin, 1)["state"] == "rolled_back"
