"""Two orchestrators, each with a provider whose nodes exist on its own host only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.orchestrator.scaling.rows import LEASE_MS
from tests.api.orchestrator.scaling.conftest import (
    FakeProvisioner,
    Killed,
    MakeWorker,
    job_of,
    scale,
)
from tests.support.clock import FakeClock


@pytest.fixture(autouse=True)
def local(provisioner: FakeProvisioner) -> None:
    provisioner.local = True


@contextmanager
def on_another_host(provisioner: FakeProvisioner) -> Iterator[None]:
    """There the provider has none of the nodes."""
    there, provisioner.there = provisioner.there, []
    yield
    provisioner.there = there


def killed_after(provisioner: FakeProvisioner, verb: str, worker: Any) -> None:
    """The worker dies when the provider has answered."""

    def die(asked: str, _node: str) -> None:
        if asked == verb:
            raise Killed

    provisioner.after = die
    with pytest.raises(Killed):
        worker.turn()
    provisioner.after = lambda _verb, _node: None


def states(admin: FlaskClient) -> list[str]:
    return [node["state"] for node in admin.get("/api/v1/scale").json["nodes"]]


def test_a_node_of_another_host_is_neither_drained_nor_forgotten(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner
) -> None:
    (node,) = scale(admin, "scale_up", 1).json["nodes"]
    make_worker("fleet-1").turn()
    asked = scale(admin, "scale_down", 1)
    with on_another_host(provisioner):
        make_worker("fleet-2").turn()
    job = job_of(admin, asked)
    assert job["state"] == "failed"
    assert job["error"] == (
        f"node '{node}' was made on fleet-1: the provider 'fake' of fleet-2 does not have the "
        f"machine and can't remove it"
    )
    assert states(admin) == ["active"]
    assert admin.get(f"/api/v1/nodes/{node}").json["status"] == "healthy"
    asked = scale(admin, "scale_down", 1)
    make_worker("fleet-1").turn()
    assert (job_of(admin, asked)["state"], provisioner.there) == ("succeeded", [])


def test_a_removal_that_another_host_takes_over_is_not_ended_without_the_machine(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    (node,) = scale(admin, "scale_up", 1).json["nodes"]
    make_worker("fleet-1").turn()
    asked = scale(admin, "scale_down", 1)
    killed_after(provisioner, "destroy", make_worker("fleet-1"))
    clock.pass_ms(LEASE_MS + 1)
    make_worker("fleet-2").turn()
    job = job_of(admin, asked)
    assert job["state"] == "failed"
    assert f"node '{node}' was made on fleet-1" in job["error"]
    assert f"node '{node}' is left" in job["error"]
    assert states(admin) == ["removing"]
    asked = scale(admin, "scale_down", 1)  # the same host knows that the machine is gone
    make_worker("fleet-1").turn()
    assert (job_of(admin, asked)["state"], states(admin)) == ("succeeded", [])


def test_a_node_that_another_host_has_half_made_is_not_made_a_second_time(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    asked = scale(admin, "scale_up", 1)
    (node,) = asked.json["nodes"]
    killed_after(provisioner, "create", make_worker("fleet-1"))
    clock.pass_ms(LEASE_MS + 1)
    with on_another_host(provisioner):
        make_worker("fleet-2").turn()
    assert provisioner.asked == [("create", node)]
    job = job_of(admin, asked)
    assert job["state"] == "failed"
    assert f"node '{node}' is left: node '{node}' was made on fleet-1" in job["error"]
    assert states(admin) == ["creating"]
    asked = scale(admin, "scale_down", 1)
    make_worker("fleet-1").turn()
    assert (job_of(admin, asked)["state"], provisioner.there) == ("succeeded", [])


def test_a_machine_that_is_gone_from_its_own_host_counts_as_removed(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner
) -> None:
    scale(admin, "scale_up", 1)
    make_worker().turn()
    provisioner.there = []
    asked = scale(admin, "scale_down", 1)
    make_worker().turn()
    assert (job_of(admin, asked)["state"], states(admin)) == ("succeeded", [])


def test_any_host_removes_the_nodes_of_a_cloud(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner
) -> None:
    provisioner.local = False
    scale(admin, "scale_up", 1)
    make_worker("fleet-1").turn()
    provisioner.there = []
    asked = scale(admin, "scale_down", 1)
    make_worker("fleet-2").turn()
    assert (job_of(admin, asked)["state"], states(admin)) == ("succeeded", [])
