"""Nodes enrol, say how they are, and are listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from tests.api.orchestrator.conftest import heartbeat, registration
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]


def test_a_node_that_has_sent_a_heartbeat_is_listed_with_the_contract_s_fields(
    admin: FlaskClient, enrol: Enrol
) -> None:
    node = enrol("node-1")
    assert node.post("/api/v1/nodes/node-1/heartbeat", json=heartbeat()).status_code == 200
    (found,) = admin.get("/api/v1/nodes").json["nodes"]
    wanted = {"id": "node-1", "address": "10.0.1.10:9090", "status": "healthy", "mode": "l7"}
    assert wanted.items() <= found.items()
    assert found["load"] == 0.12


def test_registering_again_is_the_same_and_another_key_for_the_id_is_refused(
    enrol: Enrol, enrolling: FlaskClient
) -> None:
    enrol("node-1")
    again = enrolling.post(
        "/api/v1/nodes/register", json=registration("node-1", "the key of node-1".ljust(40, "."))
    )
    assert again.status_code == 200
    other = enrolling.post("/api/v1/nodes/register", json=registration("node-1", "another"))
    assert other.status_code == 409
    assert other.json["errors"][0]["field"] == "id"


def test_a_node_speaks_for_itself_alone(enrol: Enrol) -> None:
    one, _ = enrol("node-1"), enrol("node-2")
    answer = one.post("/api/v1/nodes/node-2/heartbeat", json=heartbeat())
    assert answer.status_code == 403


def test_a_node_that_is_silent_for_half_a_minute_is_unreachable(
    admin: FlaskClient, enrol: Enrol, clock: FakeClock
) -> None:
    enrol("node-1").post("/api/v1/nodes/node-1/heartbeat", json=heartbeat())
    clock.pass_ms(31_000)
    found = admin.get("/api/v1/nodes/node-1").json
    assert found["status"] == "unreachable"
    assert found["reasons"] == ["silent for 31 s"]


def test_what_a_node_is_to_enforce_has_a_tag(enrol: Enrol) -> None:
    node = enrol("node-1")
    first = node.get("/api/v1/nodes/node-1/desired")
    assert first.json["state"] == "active"
    again = node.get(
        "/api/v1/nodes/node-1/desired", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert again.status_code == 304


@pytest.mark.parametrize("name", ["", "two words"])
def test_a_wrong_name_of_a_label_is_answered_with_an_example(
    admin: FlaskClient, enrol: Callable[..., FlaskClient], name: str
) -> None:
    enrol()
    answer = admin.patch("/api/v1/nodes/node-1", json={"labels": {name: "x"}})
    (error,) = answer.json["errors"]
    assert (answer.status_code, error["field"], error["value"]) == (422, "labels", name)
    assert error["message"].startswith(f"labels: the name {name!r} must be 1 to 63 of ")
    assert error["message"].endswith(", as in 'rack/12'")
