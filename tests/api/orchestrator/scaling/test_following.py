"""A job that makes nodes has done so when they have in force what the fleet wants of them."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from api.orchestrator.following.schemas import DesiredBody
from api.orchestrator.scaling.following import drains, missing
from api.orchestrator.scaling.steps import FOLLOW_S
from api.orchestrator.scaling.worker import Worker
from tests.api.orchestrator.scaling.conftest import FakeProvisioner, job_of, scale
from tests.support.clock import FakeClock

EPOCH = "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002"
WANTED = DesiredBody(epoch=EPOCH, state="active", policy=3, lists=7, rules=0)


@pytest.fixture
def ruled(admin: FlaskClient) -> FlaskClient:
    """The fleet has a policy and a ban."""
    assert admin.post("/api/v1/policy", json={"name": "strict"}).status_code == 202
    assert admin.post("/api/v1/blacklist", json={"ip": "192.0.2.1"}).status_code == 201
    return admin


def said(admin: FlaskClient, asked: Any) -> tuple[str, list[str]]:
    job = job_of(admin, asked)
    return job["state"], [line["message"] for line in job["log"]]


def test_the_job_ends_when_the_node_has_applied_everything(
    ruled: FlaskClient, worker: Worker, provisioner: FakeProvisioner
) -> None:
    turns = iter(("pending",) * 6)
    provisioner.follows = lambda _node, _part: next(turns, "applied")
    asked = scale(ruled, "scale_up", 1)
    worker.turn()
    state, log = said(ruled, asked)
    assert state == "succeeded"
    assert f"{asked.json['nodes'][0]}: has applied what the fleet wants" in log
    assert next(turns, None) is None, "it was waited for"


def test_what_a_node_has_refused_is_not_waited_for_and_named(
    ruled: FlaskClient, worker: Worker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    provisioner.follows = lambda _node, part: "rejected" if part == "policy" else "applied"
    asked, began_ms = scale(ruled, "scale_up", 1), clock.boot_ms()
    worker.turn()
    state, log = said(ruled, asked)
    assert state == "succeeded"
    assert any(
        "does not have all that the fleet wants: policy 1 is rejected" in each for each in log
    )
    assert clock.boot_ms() - began_ms < FOLLOW_S * 1000


def test_what_does_not_come_is_waited_for_so_long_and_named(
    ruled: FlaskClient, worker: Worker, provisioner: FakeProvisioner, clock: FakeClock
) -> None:
    late: list[str] = []
    provisioner.follows = lambda node, part: (
        "pending" if node in late and part == "lists" else "applied"
    )
    asked, began_ms = scale(ruled, "scale_up", 2), clock.boot_ms()
    late.append(asked.json["nodes"][1])
    worker.turn()
    state, log = said(ruled, asked)
    assert state == "succeeded"
    first, second = asked.json["nodes"]
    assert f"{first}: has applied what the fleet wants" in log
    (line,) = [each for each in log if each.startswith(f"{second}: does not have all")]
    assert "lists" in line
    assert "is pending" in line
    assert clock.boot_ms() - began_ms >= FOLLOW_S * 1000


@pytest.mark.parametrize(
    ("policy", "lists", "left"),
    [
        ((EPOCH, 3, "applied"), (EPOCH, 7, "applied"), []),
        ((EPOCH, 3, "applied"), (EPOCH, 9, "applied"), []),
        ((EPOCH, 4, "applied"), (EPOCH, 7, "applied"), ["policy 3 is pending"]),
        (
            (EPOCH, 3, "overridden"),
            (EPOCH, 6, "applied"),
            ["policy 3 is overridden (why)", "lists 7 is pending"],
        ),
        (
            ("another", 3, "applied"),
            ("another", 7, "rejected"),
            ["policy 3 is pending", "lists 7 is pending"],
        ),
        (None, None, ["policy 3 is pending", "lists 7 is pending"]),
    ],
)
def test_what_a_node_lacks_is_judged_by_its_own_words(
    policy: tuple[str, int, str] | None, lists: tuple[str, int, str] | None, left: list[str]
) -> None:
    applied = {
        part: {"epoch": said[0], "number": said[1], "state": said[2], "message": "why"}
        for part, said in (("policy", policy), ("lists", lists))
        if said is not None
    }
    assert [str(each) for each in missing(WANTED, applied)] == left


def test_a_node_drains_when_it_says_so_of_this_fleet() -> None:
    wanted = WANTED.model_copy(update={"state": "draining"})
    says = {"epoch": EPOCH, "number": 1, "state": "applied", "message": None}
    assert drains(wanted, {"drain": says})
    assert not drains(WANTED, {"drain": says})
    assert not drains(wanted, {})
    for other in ({"number": 0}, {"epoch": "another"}, {"state": "pending"}):
        assert not drains(wanted, {"drain": says | other})
