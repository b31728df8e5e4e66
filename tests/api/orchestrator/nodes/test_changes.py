"""Nodes are labelled, drained, given another key and deleted."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.api.orchestrator.conftest import client_of, heartbeat, registration
from tests.support.clock import FakeClock
from tests.support.waiting import wait_for

Enrol = Callable[..., FlaskClient]
NODE = "/api/v1/nodes/node-1"


def _key(text: str) -> dict[str, str]:
    return {"key_sha256": hashlib.sha256(text.encode()).hexdigest()}


def test_labels_are_set_and_taken_away_one_by_one(admin: FlaskClient, enrol: Enrol) -> None:
    enrol("node-1", labels={"site": "fra", "role": "edge"})
    answer = admin.patch(NODE, json={"labels": {"site": "ams", "role": None, "rack": "7"}})
    assert answer.status_code == 200
    assert answer.json["labels"] == {"site": "ams", "rack": "7"}
    assert admin.get(NODE).json["labels"] == {"site": "ams", "rack": "7"}


def test_a_node_has_at_most_so_many_labels(admin: FlaskClient, enrol: Enrol) -> None:
    enrol("node-1", labels={f"l{each}": "x" for each in range(32)})
    answer = admin.patch(NODE, json={"labels": {"one": "more"}})
    assert answer.status_code == 422
    assert "the limit is 32" in answer.json["detail"]


def test_a_drained_node_is_told_so_and_shown_so_until_it_resumes(
    admin: FlaskClient, enrol: Enrol, clock: FakeClock
) -> None:
    node = enrol("node-1")
    node.post(f"{NODE}/heartbeat", json=heartbeat(clock))
    assert admin.post(f"{NODE}/drain").json["status"] == "draining"
    clock.pass_ms(1000)
    assert admin.post(f"{NODE}/drain").status_code == 200
    assert admin.get(NODE).json["desired"] == "draining"
    assert admin.post(f"{NODE}/resume").json["status"] == "healthy"


def test_what_a_node_is_to_do_says_whether_it_drains(admin: FlaskClient, enrol: Enrol) -> None:
    node = enrol("node-1")
    admin.post(f"{NODE}/drain")
    assert node.get(f"{NODE}/desired").json["state"] == "draining"


@pytest.mark.parametrize("change", ["drain", "resume"])
def test_only_a_node_that_is_there_drains(admin: FlaskClient, change: str) -> None:
    assert admin.post(f"/api/v1/nodes/nobody/{change}").status_code == 404


def test_a_deleted_node_s_key_opens_nothing_and_its_attacks_stay(
    admin: FlaskClient, enrol: Enrol, clock: FakeClock, incident: Callable[..., Any]
) -> None:
    node = enrol("node-1")
    node.post(f"{NODE}/heartbeat", json=heartbeat(clock, incidents=[incident()]))
    assert admin.delete(NODE).status_code == 204
    assert node.get(f"{NODE}/desired").status_code in {401, 404}
    wait_for(lambda: node.get(f"{NODE}/desired").status_code == 401, "its key is forgotten")
    assert admin.get(NODE).status_code == 404
    assert admin.get("/api/v1/threats").json["active_threats"] == 1
    assert admin.delete(NODE).status_code == 404


def test_a_deleted_node_enrols_again_only_if_that_is_allowed(
    admin: FlaskClient, enrol: Enrol, enrolling: FlaskClient
) -> None:
    enrol("node-1")
    sent = registration("node-1", "the key of node-1".ljust(40, "."))
    admin.delete(NODE)
    assert enrolling.post("/api/v1/nodes/register", json=sent).status_code == 410
    assert admin.delete(f"{NODE}?allow_again=true").status_code == 204
    assert enrolling.post("/api/v1/nodes/register", json=sent).status_code == 201


def test_another_host_may_take_the_id_of_a_deleted_node(
    admin: FlaskClient, enrol: Enrol, enrolling: FlaskClient
) -> None:
    enrol("node-1")
    admin.delete(NODE)
    sent = registration("node-1", "another key")
    assert enrolling.post("/api/v1/nodes/register", json=sent).status_code == 201


def test_both_keys_of_a_node_are_valid_until_the_new_one_is_used(
    fleet: Flask, enrol: Enrol
) -> None:
    old, text = enrol("node-1"), "another key of node-1".ljust(40, ".")
    new = client_of(fleet, text)
    assert new.get(f"{NODE}/desired").status_code == 401
    assert old.post(f"{NODE}/key", json=_key(text)).status_code == 200
    assert old.get(f"{NODE}/desired").status_code == 200
    assert new.get(f"{NODE}/desired").status_code == 200
    assert old.get(f"{NODE}/desired").status_code == 401
    assert new.get(f"{NODE}/desired").status_code == 200


def test_a_key_is_of_one_node(enrol: Enrol, enrolling: FlaskClient) -> None:
    enrol("node-1")
    theirs = "the key of node-1".ljust(40, ".")
    answer = enrol("node-2").post("/api/v1/nodes/node-2/key", json=_key(theirs))
    assert answer.status_code == 409
    sent = registration("node-3", theirs)
    assert enrolling.post("/api/v1/nodes/register", json=sent).status_code == 409


def test_a_node_changes_its_own_key_alone(enrol: Enrol) -> None:
    enrol("node-1")
    assert enrol("node-2").post(f"{NODE}/key", json=_key("x" * 40)).status_code == 403


def test_a_full_fleet_says_so(
    enrol: Enrol, enrolling: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.orchestrator.nodes.registry.NODES_MAX", 1)
    enrol("node-1")
    answer = enrolling.post("/api/v1/nodes/register", json=registration("node-2", "key"))
    assert answer.status_code == 409
    assert "the limit is 1" in answer.json["detail"]
