"""Jobs: what is asked for, what is refused, and what the limits are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.orchestrator.app import orchestrator_of
from api.orchestrator.scaling.metrics import collect
from api.orchestrator.scaling.worker import Worker
from tests.api.orchestrator.scaling.conftest import FakeProvisioner, fail, job_of, scale
from tests.support.clock import FakeClock

SCALE = "/api/v1/scale"


def test_the_contract_s_request_is_json_whatever_curl_says_it_is(admin: FlaskClient) -> None:
    body = '{"action": "scale_up", "count": 2}'
    form = "application/x-www-form-urlencoded"
    answer = admin.post("/api/v1/scale", data=body, content_type=form)
    assert answer.status_code == 202
    job = answer.json
    assert (job["state"], job["action"], job["count"]) == ("queued", "scale_up", 2)
    assert job["nodes"] == [f"{job['id']}-1", f"{job['id']}-2"]
    assert answer.headers["Location"] == f"/api/v1/scale/jobs/{job['id']}"


def test_nodes_that_were_made_are_registered_and_healthy_when_the_job_has_succeeded(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    asked = scale(admin, "scale_up", 2)
    assert worker.turn()
    job = job_of(admin, asked)
    assert (job["state"], job["attempt"], job["error"]) == ("succeeded", 1, None)
    assert provisioner.there == job["nodes"]
    found = admin.get("/api/v1/nodes").json["nodes"]
    assert [(node["id"], node["status"]) for node in found] == [
        (node, "healthy") for node in job["nodes"]
    ]
    scaled = admin.get(SCALE).json
    assert [node["state"] for node in scaled["nodes"]] == ["active", "active"]
    assert scaled["running"] is None


def test_a_log_is_read_by_its_cursor(admin: FlaskClient, worker: Worker) -> None:
    asked = scale(admin, "scale_up", 1)
    first = job_of(admin, asked)
    assert [line["message"] for line in first["log"]] == ["queued by admin"]
    worker.turn()
    url = asked.headers["Location"]
    rest = admin.get(f"{url}?cursor={first['log_cursor']}").json
    node = first["nodes"][0]
    said = [line["message"] for line in rest["log"]]
    assert said[0] == "attempt 1"
    assert f"create {node}" in said
    assert said[-1] == "succeeded"
    assert admin.get(f"{url}?cursor={rest['log_cursor']}").json["log"] == []


def test_the_audit_trail_has_a_job_before_and_after_a_cancellation(admin: FlaskClient) -> None:
    job = scale(admin, "scale_up", 1).json
    admin.post(f"/api/v1/scale/jobs/{job['id']}/cancel")
    cancelled, made = admin.get("/api/v1/audit?action=scale").json["audit"]
    told = {"action": "scale_up", "count": 1, "nodes": job["nodes"], "state": "queued"}
    assert (made["before"], made["after"]) == (None, {**told, "cancelled_by": None})
    assert cancelled["before"] == made["after"]
    assert cancelled["after"] == {**told, "state": "cancelled", "cancelled_by": "admin"}


def test_one_job_at_a_time(admin: FlaskClient, worker: Worker) -> None:
    first = scale(admin, "scale_up", 1).json["id"]
    second = scale(admin, "scale_up", 1)
    assert second.status_code == 409
    assert first in second.json["detail"]
    worker.turn()
    assert scale(admin, "scale_up", 1).status_code == 202


def test_the_same_idempotency_key_makes_one_job(admin: FlaskClient) -> None:
    body, header = {"action": "scale_up", "count": 1}, {"Idempotency-Key": "k"}
    first = admin.post("/api/v1/scale", json=body, headers=header)
    again = admin.post("/api/v1/scale", json=body, headers=header)
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])


def test_more_than_the_provider_has_room_for_names_its_limit(
    admin: FlaskClient, provisioner: FakeProvisioner
) -> None:
    provisioner.free = 1
    answer = scale(admin, "scale_up", 2)
    assert answer.status_code == 409
    assert "two nodes on two CPUs" in answer.json["detail"]
    assert answer.json["errors"][0]["limit"] == "1"


def test_the_configured_maximum_and_minimum_are_named(
    admin: FlaskClient, provisioner: FakeProvisioner
) -> None:
    provisioner.free = 100
    above = scale(admin, "scale_up", 4)
    assert (above.status_code, above.json["errors"][0]["limit"]) == (409, "max = 3")
    below = scale(admin, "scale_down", 1)
    assert (below.status_code, below.json["errors"][0]["limit"]) == (409, "min = 0")


def test_the_newest_nodes_go_first_and_their_keys_with_them(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    first, second = scale(admin, "scale_up", 2).json["nodes"]
    worker.turn()
    asked = scale(admin, "scale_down", 1)
    assert asked.json["nodes"] == [second]
    worker.turn()
    assert job_of(admin, asked)["state"] == "succeeded"
    assert provisioner.there == [first]
    assert admin.get(f"/api/v1/nodes/{second}").status_code == 404


def test_chosen_nodes_go(admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner) -> None:
    first, second = scale(admin, "scale_up", 2).json["nodes"]
    worker.turn()
    scale(admin, "scale_down", 1, nodes=[first])
    worker.turn()
    assert provisioner.there == [second]


def test_a_node_that_no_job_has_made_is_never_removed(
    admin: FlaskClient, worker: Worker, enrol: Callable[..., FlaskClient]
) -> None:
    enrol("own-node")
    scale(admin, "scale_up", 1)
    worker.turn()
    answer = scale(admin, "scale_down", 1, nodes=["own-node"])
    assert answer.status_code == 409
    assert answer.json["errors"][0]["value"] == "own-node"


def test_nodes_are_chosen_for_a_scale_down_alone_and_as_many_as_the_count(
    admin: FlaskClient,
) -> None:
    for action, nodes in (("scale_up", ["a"]), ("scale_down", ["a", "b"])):
        answer = scale(admin, action, 1, nodes=nodes)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "nodes")


@pytest.mark.parametrize(
    ("stats", "what"),
    [
        (
            {"drain_complete": 0, "connections_active": 0, "connections_proxied": 2},
            "2 proxied connections are left, or packets still arrive",
        ),
        ({"connections_active": 3}, "3 connections are left"),
        ({}, "an unknown number of connections are left"),
    ],
)
def test_a_node_drains_before_it_goes(
    admin: FlaskClient,
    worker: Worker,
    provisioner: FakeProvisioner,
    stats: dict[str, int],
    what: str,
) -> None:
    """A node of an older release counts its connections only."""
    scale(admin, "scale_up", 1)
    worker.turn()
    statuses: list[str] = []
    provisioner.stats = stats

    def before(verb: str, node: str) -> None:
        statuses.append(verb)

    provisioner.before = before
    asked = scale(admin, "scale_down", 1)
    worker.turn()
    said = [line["message"] for line in job_of(admin, asked)["log"]]
    node = asked.json["nodes"][0]
    assert f"draining {node} for at most 20 s" in said
    assert f"not drained within 20 s: {node}: {what}" in said
    assert statuses == ["destroy"]


def test_a_node_that_does_not_say_that_it_drains_is_waited_for_though_it_has_no_connections(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    scale(admin, "scale_up", 1)
    worker.turn()
    provisioner.drains = False
    asked = scale(admin, "scale_down", 1)
    worker.turn()
    job = job_of(admin, asked)
    said, node = [line["message"] for line in job["log"]], asked.json["nodes"][0]
    assert f"not drained within 20 s: {node}: has not reported its drain" in said
    assert (job["state"], provisioner.there) == ("succeeded", [])


@pytest.mark.parametrize(
    "stats", [{"drain_complete": 1, "connections_active": 5}, {"connections_active": 0}]
)
def test_a_drained_node_is_not_waited_for(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner, stats: dict[str, int]
) -> None:
    provisioner.stats = stats
    scale(admin, "scale_up", 1)
    worker.turn()
    asked = scale(admin, "scale_down", 1)
    worker.turn()
    said = [line["message"] for line in job_of(admin, asked)["log"]]
    assert "drained" in said
    assert provisioner.there == []


def test_what_a_failed_job_has_made_is_removed(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    asked = scale(admin, "scale_up", 2)
    second = asked.json["nodes"][1]
    provisioner.before = lambda verb, node: (
        fail(verb, node) if (verb, node) == ("create", second) else None
    )
    worker.turn()
    job = job_of(admin, asked)
    assert (job["state"], job["error"]) == ("failed", "no more addresses")
    assert provisioner.there == []
    assert admin.get("/api/v1/nodes").json["nodes"] == []
    assert admin.get(SCALE).json["nodes"] == []


def test_a_node_that_does_not_get_healthy_is_removed_and_the_error_says_how_it_was(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    provisioner.health = lambda _node: "degraded"
    asked = scale(admin, "scale_up", 1)
    worker.turn()
    job = job_of(admin, asked)
    assert job["state"] == "failed"
    assert job["error"].endswith("is not healthy within 60 s: degraded")
    assert provisioner.there == []


def test_what_can_t_be_removed_is_named_and_the_next_scale_down_removes_it(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    provisioner.health = lambda _node: None
    provisioner.before = lambda verb, node: fail(verb, node) if verb == "destroy" else None
    asked = scale(admin, "scale_up", 1)
    worker.turn()
    node = asked.json["nodes"][0]
    assert f"node '{node}' is left: no more addresses" in job_of(admin, asked)["error"]
    provisioner.before = lambda _verb, _node: None
    provisioner.health = lambda _node: "healthy"
    newer = scale(admin, "scale_up", 1).json["nodes"][0]
    worker.turn()
    scale(admin, "scale_down", 1)
    worker.turn()
    assert provisioner.there == [newer]


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_scale_down_that_fails_resumes_only_what_it_has_drained(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner, by_hand: bool
) -> None:
    kept, removed = scale(admin, "scale_up", 2).json["nodes"]
    worker.turn()
    if by_hand:
        assert admin.post(f"/api/v1/nodes/{kept}/drain").status_code == 200
    states: dict[str, str] = {}

    def before(verb: str, node: str) -> None:
        states.update((each["id"], each["state"]) for each in admin.get(SCALE).json["nodes"])
        fail(verb, node)

    provisioner.before = before
    asked = scale(admin, "scale_down", 2)
    worker.turn()
    assert job_of(admin, asked)["state"] == "failed"
    assert states == {kept: "active" if by_hand else "draining", removed: "removing"}
    assert admin.get(f"/api/v1/nodes/{kept}").json["desired"] == (
        "draining" if by_hand else "active"
    )
    left = {each["id"]: each["state"] for each in admin.get(SCALE).json["nodes"]}
    assert left == {kept: "active", removed: "removing"}


def test_jobs_are_listed_newest_first_in_pages(
    admin: FlaskClient, worker: Worker, clock: FakeClock
) -> None:
    made = []
    for _ in range(3):
        made.append(scale(admin, "scale_up", 1).json["id"])
        worker.turn()
        clock.pass_ms(1000)
    first = admin.get("/api/v1/scale/jobs?limit=2").json
    assert [job["id"] for job in first["jobs"]] == made[:0:-1]
    assert first["total"] == 3
    rest = admin.get(f"/api/v1/scale/jobs?limit=2&cursor={first['next_cursor']}").json
    assert [job["id"] for job in rest["jobs"]] == made[:1]
    assert rest["next_cursor"] is None


def test_jobs_and_the_nodes_they_have_made_are_counted(
    admin: FlaskClient, worker: Worker, fleet: Flask
) -> None:
    scale(admin, "scale_up", 2)
    worker.turn()
    with orchestrator_of(fleet).database.read() as connection:
        samples = [each for metric in collect(connection) for each in metric.samples]
    found = {(each.name, each.labels["state"]): each.value for each in samples}
    assert found["secbeat_fleet_jobs", "succeeded"] == 1
    assert found["secbeat_fleet_jobs", "running"] == 0
    assert found["secbeat_fleet_scaled_nodes", "active"] == 2
