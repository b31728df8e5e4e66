"""A job outlives whoever runs it: leases, attempts, cancelling."""

from __future__ import annotations

import errno
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from api.common.disk import DiskError
from api.orchestrator.scaling.rows import LEASE_MS
from api.orchestrator.scaling.worker import ATTEMPTS_MAX, Worker
from tests.api.orchestrator.scaling.conftest import (
    FakeProvisioner,
    Killed,
    MakeWorker,
    job_of,
    scale,
)
from tests.support.clock import FakeClock


def _die(_verb: str, _node: str) -> None:
    raise Killed


def _quiet(_verb: str, _node: str) -> None:
    pass


def test_another_process_takes_a_job_over_when_the_lease_is_over_and_makes_no_node_twice(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    asked = scale(admin, "scale_up", 2)
    provisioner.after = _die  # made, and nobody has noted it
    with pytest.raises(Killed):
        make_worker().turn()
    provisioner.after = _quiet
    other = make_worker()
    assert not other.turn()
    clock.pass_ms(LEASE_MS + 1)
    assert other.turn()
    job = job_of(admin, asked)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert provisioner.there == job["nodes"]
    found = admin.get("/api/v1/nodes").json["nodes"]
    assert [(node["id"], node["status"]) for node in found] == [
        (node, "healthy") for node in job["nodes"]
    ]


def test_of_workers_that_look_at_the_same_time_one_gets_the_job(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner
) -> None:
    asked = scale(admin, "scale_up", 1)
    workers = [make_worker() for _ in range(4)]
    with ThreadPoolExecutor(len(workers)) as pool:
        got = list(pool.map(lambda worker: worker.turn(), workers))
    assert sorted(got) == [False, False, False, True]
    assert [verb for verb, _ in provisioner.asked] == ["create"]
    assert job_of(admin, asked)["attempt"] == 1


def test_a_removal_that_was_cut_off_is_ended_by_the_next(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    scale(admin, "scale_up", 2)
    make_worker().turn()
    asked = scale(admin, "scale_down", 2)
    provisioner.after = _die
    with pytest.raises(Killed):
        make_worker().turn()
    provisioner.after = _quiet
    clock.pass_ms(LEASE_MS + 1)
    make_worker().turn()
    assert job_of(admin, asked)["state"] == "succeeded"
    assert provisioner.there == []
    assert admin.get("/api/v1/scale").json["nodes"] == []


def test_an_owner_that_was_stopped_for_long_changes_nothing_any_more(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    asked = scale(admin, "scale_up", 1)
    other = make_worker()

    def stopped(_verb: str, _node: str) -> None:
        provisioner.before = _quiet
        clock.pass_ms(LEASE_MS + 1)
        assert other.turn()

    provisioner.before = stopped
    assert make_worker().turn()
    job = job_of(admin, asked)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)
    assert [line["message"] for line in job["log"]].count("succeeded") == 1


def test_a_process_that_ends_gives_its_job_back_at_once(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner
) -> None:
    asked = scale(admin, "scale_up", 1)
    first = make_worker()
    provisioner.before = lambda _verb, _node: first.stop()
    assert first.turn()
    provisioner.before = _quiet
    assert make_worker().turn()
    job = job_of(admin, asked)
    assert (job["state"], job["attempt"]) == ("succeeded", 2)


def test_a_job_waits_for_a_database_that_is_away(
    admin: FlaskClient,
    make_worker: MakeWorker,
    provisioner: FakeProvisioner,
    clock: FakeClock,
    tmp_path: Path,
) -> None:
    def away(_verb: str, _node: str) -> None:
        raise DiskError(tmp_path, errno.ENOSPC)

    asked = scale(admin, "scale_up", 1)
    provisioner.after = away
    with pytest.raises(DiskError):
        make_worker().turn()
    assert job_of(admin, asked)["state"] == "running"
    provisioner.after = _quiet
    clock.pass_ms(LEASE_MS + 1)
    make_worker().turn()
    assert job_of(admin, asked)["state"] == "succeeded"


def test_a_job_that_nobody_runs_yet_is_cancelled_at_once(
    admin: FlaskClient, worker: Worker
) -> None:
    asked = scale(admin, "scale_up", 1)
    answer = admin.post(f"{asked.headers['Location']}/cancel")
    assert (answer.status_code, answer.json["state"]) == (202, "cancelled")
    assert not worker.turn()
    again = admin.post(f"{asked.headers['Location']}/cancel")
    assert again.status_code == 409


def test_a_job_that_is_cancelled_while_it_runs_removes_what_it_has_made(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    asked = scale(admin, "scale_up", 2)
    cancel = f"{asked.headers['Location']}/cancel"
    provisioner.health = lambda _node: None
    provisioner.after = lambda verb, _node: (
        None if verb == "destroy" else admin.post(cancel) and None
    )
    worker.turn()
    job = job_of(admin, asked)
    assert (job["state"], job["cancelled_by"], job["error"]) == ("cancelled", "admin", None)
    assert provisioner.there == []
    assert admin.get("/api/v1/nodes").json["nodes"] == []


def test_a_scale_down_that_is_cancelled_lets_the_nodes_work_on(
    admin: FlaskClient, worker: Worker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    scale(admin, "scale_up", 1)
    worker.turn()
    provisioner.stats = {"drain_complete": 0, "connections_proxied": 1}
    asked = scale(admin, "scale_down", 1)
    cancel = f"{asked.headers['Location']}/cancel"

    def health(node: str) -> str:
        admin.post(cancel)
        return "healthy"

    provisioner.health = health
    worker.turn()
    job = job_of(admin, asked)
    assert job["state"] == "cancelled"
    assert provisioner.there == job["nodes"]
    assert admin.get(f"/api/v1/nodes/{job['nodes'][0]}").json["status"] == "healthy"


def test_a_job_that_kills_whoever_runs_it_is_given_up(
    admin: FlaskClient, make_worker: MakeWorker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    asked = scale(admin, "scale_up", 1)
    provisioner.before = lambda verb, node: _die(verb, node) if verb == "create" else None
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises(Killed):
            make_worker().turn()
        clock.pass_ms(LEASE_MS + 1)
    make_worker().turn()
    job = job_of(admin, asked)
    assert job["state"] == "failed"
    assert job["error"].startswith("given up")
    assert admin.get("/api/v1/scale").json["nodes"] == []
