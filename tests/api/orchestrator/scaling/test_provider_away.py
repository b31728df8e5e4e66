"""A scale-down changes nothing before the provider answers, and names the nodes that remain."""

from __future__ import annotations

from typing import NoReturn

from flask.testing import FlaskClient

from api.common.contract.errors import UnavailableError
from api.orchestrator.scaling.provisioner import ProvisionerError
from api.orchestrator.scaling.worker import Worker
from tests.api.orchestrator.scaling.conftest import FakeProvisioner, fail, job_of, scale


def _away() -> NoReturn:
    raise UnavailableError("the provisioner does not answer")


def _fails() -> NoReturn:
    raise ProvisionerError("the cloud is closed")


def test_a_scale_down_without_a_provisioner_is_refused(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    scale(admin, "scale_up", 1)
    worker.turn()
    for lists, why in ((_away, "the provisioner does not answer"), (_fails, "the cloud is closed")):
        provisioner.lists = lists
        answer = scale(admin, "scale_down", 1)
        assert answer.status_code == 503
        assert why in answer.json["detail"]
    assert admin.get("/api/v1/scale").json["running"] is None


def test_a_provisioner_that_goes_before_the_job_begins_leaves_all_nodes_at_work(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    scale(admin, "scale_up", 2)
    worker.turn()
    asked = scale(admin, "scale_down", 2)
    provisioner.lists = _away
    worker.turn()
    job = job_of(admin, asked)
    assert (job["state"], job["error"]) == ("failed", "the provisioner does not answer")
    assert not any(line["message"].startswith("draining") for line in job["log"])
    found = admin.get("/api/v1/nodes").json["nodes"]
    assert [node["status"] for node in found] == ["healthy", "healthy"]


def test_a_node_whose_removal_fails_is_named(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    nodes = scale(admin, "scale_up", 2).json["nodes"]
    worker.turn()
    asked = scale(admin, "scale_down", 2)
    provisioner.before = fail
    worker.turn()
    job = job_of(admin, asked)
    first, second = asked.json["nodes"]
    assert job["state"] == "failed"
    assert job["error"].startswith(f"no more addresses; node '{first}' is left: ")
    assert second not in job["error"]
    assert sorted(nodes) == sorted((first, second))
    assert admin.get(f"/api/v1/nodes/{second}").json["status"] == "healthy"


def test_a_scale_down_that_is_cancelled_during_a_removal_names_the_node(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    scale(admin, "scale_up", 1)
    worker.turn()
    asked = scale(admin, "scale_down", 1)
    cancel = f"{asked.headers['Location']}/cancel"
    provisioner.before = lambda _verb, _node: admin.post(cancel) and None
    worker.turn()
    job = job_of(admin, asked)
    assert job["state"] == "cancelled"
    assert job["error"].startswith(f"node '{asked.json['nodes'][0]}' is left: ")


def test_a_failed_scale_up_deregisters_no_node_that_can_t_be_removed(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    asked = scale(admin, "scale_up", 2)
    first, second = asked.json["nodes"]

    def before(_verb: str, node: str) -> None:
        if node == second:
            provisioner.lists = _away
            _fails()

    provisioner.before = before
    worker.turn()
    job = job_of(admin, asked)
    assert job["state"] == "failed"
    for node in (first, second):
        assert f"node '{node}' is left: the provisioner does not answer" in job["error"]
    assert admin.get(f"/api/v1/nodes/{first}").json["status"] == "healthy"
    provisioner.lists = lambda: None
    provisioner.before = lambda _verb, _node: None
    assert scale(admin, "scale_down", 1).json["nodes"] == [second], "it is only half made"
