"""A canary is first, is watched, and either the others follow or it gets back what it had."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask.testing import FlaskClient

from tests.api.orchestrator.policies.conftest import Join, Node
from tests.api.orchestrator.policies.test_deploying import POLICY, deploy
from tests.support.clock import FakeClock

Turn = Callable[[], None]
CANARY = "?strategy=canary&hold_seconds=20"


def seen(admin: FlaskClient, number: int) -> Any:
    return admin.get(f"/api/v1/deployments/{number}").json


def hold(canary: Node, turn: Turn) -> None:
    """The canary has applied the policy, and its counters then are known."""
    canary.applied()
    turn()


def test_one_healthy_node_is_first_and_the_others_follow(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    sick, canary, other = join("node-0"), join("node-1"), join("node-2")
    sick.beat(health="degraded")
    found = deploy(admin, CANARY)
    assert (found["state"], found["canary"]) == ("canary", "node-1")
    assert (canary.desired(), other.desired()) == (1, None)
    assert [each["state"] for each in found["nodes"]] == ["waiting", "pending", "waiting"]
    hold(canary, turn)
    clock.pass_ms(19_000)
    canary.packets = 100_000
    canary.applied()
    turn()
    assert (seen(admin, 1)["state"], other.desired()) == ("canary", None)
    clock.pass_ms(1_000)
    canary.applied()
    turn()
    assert (seen(admin, 1)["state"], other.desired()) == ("rolling", 1)
    for node in (sick, other):
        node.applied()
    turn()
    assert seen(admin, 1)["state"] == "done"


def test_a_canary_that_drops_more_than_before_gets_back_what_it_had(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    canary, other = join("node-1"), join("node-2")
    deploy(admin)
    canary.packets, canary.dropped = 10_000, 100
    canary.applied()
    other.applied()
    turn()
    deploy(admin, CANARY)
    hold(canary, turn)
    clock.pass_ms(10_000)
    canary.packets, canary.dropped = 20_000, 700
    canary.applied()
    turn()
    found = seen(admin, 2)
    assert found["state"] == "rolled_back"
    assert found["reason"] == (
        "node-1 drops 6.00% of 10000 packets, 1.00% before; the limit is 1.00% more"
    )
    assert (canary.desired(), other.desired()) == (1, 1)
    assert admin.get("/api/v1/policy").json["number"] == 1


def test_a_canary_may_drop_what_it_dropped_before(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    canary = join("node-1")
    canary.packets, canary.dropped = 1_000, 300
    canary.beat()
    turn()
    deploy(admin, CANARY)
    hold(canary, turn)
    clock.pass_ms(20_000)
    canary.packets, canary.dropped = 2_000, 600
    canary.applied()
    turn()
    turn()
    assert seen(admin, 1)["state"] == "done"


def test_a_canary_whose_counters_begin_anew_is_judged_from_there(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    canary = join("node-1")
    canary.packets = 5_000
    canary.beat()
    turn()
    deploy(admin, CANARY)
    hold(canary, turn)
    canary.packets, canary.dropped = 500, 0
    canary.applied()
    turn()
    canary.packets, canary.dropped = 1_000, 400
    canary.applied()
    turn()
    assert seen(admin, 1)["state"] == "rolled_back"


def test_a_canary_that_rejects_the_policy_ends_it(
    admin: FlaskClient, join: Join, turn: Turn
) -> None:
    canary, other = join("node-1"), join("node-2")
    deploy(admin, CANARY)
    canary.applied(state="rejected", message="the tables are full")
    turn()
    found = seen(admin, 1)
    assert (found["state"], found["reason"]) == (
        "rolled_back",
        "node-1 rejected it: the tables are full",
    )
    assert (canary.desired(), other.desired()) == (None, None)


def test_a_canary_that_falls_silent_ends_it(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    canary = join("node-1")
    deploy(admin, CANARY)
    hold(canary, turn)
    clock.pass_ms(31_000)
    turn()
    assert seen(admin, 1)["reason"] == "node-1 is unreachable"


def test_a_canary_is_named_or_there_is_none(admin: FlaskClient, join: Join) -> None:
    assert admin.post(f"/api/v1/policy{CANARY}", json=POLICY).status_code == 409
    join("node-1")
    join("node-2")
    assert deploy(admin, f"{CANARY}&canary=node-2")["canary"] == "node-2"
    answer = admin.post(f"/api/v1/policy{CANARY}&canary=node-3", json=POLICY)
    assert answer.status_code == 409
    assert answer.json["errors"][0]["field"] == "canary"
    assert admin.post("/api/v1/policy?canary=node-2", json=POLICY).status_code == 409
    assert seen(admin, 1)["state"] == "canary"


def test_a_canary_that_a_newer_deployment_ends_is_withdrawn(admin: FlaskClient, join: Join) -> None:
    canary = join("node-1", labels={"edge": "yes"})
    join("node-2", labels={"edge": "no"})
    deploy(admin, CANARY)
    deploy(admin, "?selector=edge=no")
    assert (seen(admin, 1)["state"], canary.desired()) == ("superseded", None)
