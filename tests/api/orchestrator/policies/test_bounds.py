"""What is kept is bounded, and what a node says is not believed beyond what it was told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from api.orchestrator.policies import deployments, versions
from tests.api.orchestrator.policies.conftest import POLICY, Join
from tests.api.orchestrator.policies.test_deploying import deploy, states

Turn = Callable[[], None]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deployments, "DEPLOYMENTS_MAX", 3)
    monkeypatch.setattr(versions, "VERSIONS_MAX", 3)


def test_the_oldest_deployments_and_versions_are_forgotten(admin: FlaskClient, turn: Turn) -> None:
    for _ in range(5):
        deploy(admin)
        turn()
    turn()
    found = admin.get("/api/v1/deployments").json["deployments"]
    assert [each["id"] for each in found] == [5, 4, 3]
    kept = admin.get("/api/v1/policy/history").json
    assert ([each["number"] for each in kept["history"]], kept["total"]) == ([5, 4, 3], 3)


def test_what_still_rules_nodes_is_not_forgotten(
    admin: FlaskClient, join: Join, turn: Turn
) -> None:
    edge = join("node-1", labels={"edge": "yes"})
    deploy(admin, "?selector=edge=yes")
    for _ in range(5):
        deploy(admin, "?selector=edge=no")
        turn()
    edge.applied()
    turn()
    assert edge.get("policy").json["number"] == edge.desired() == 1
    assert admin.get("/api/v1/deployments/1").status_code == 200


def test_more_deployments_that_rule_nodes_than_can_be_kept_are_refused(admin: FlaskClient) -> None:
    for site in ("ams", "ber", "fra"):
        deploy(admin, f"?selector=site={site}")
    answer = admin.post("/api/v1/policy?selector=site=lon", json=POLICY)
    assert answer.status_code == 409
    assert "the limit is 3" in answer.json["detail"]


def test_a_number_that_nobody_gave_out_is_not_believed(
    admin: FlaskClient, join: Join, turn: Turn
) -> None:
    liar = join()
    deploy(admin)
    liar.applied(number=10**17)
    liar.beat(applied={"policy": {"epoch": "another", "number": 1}})
    turn()
    assert states(admin, 1) == {"node-1": "pending"}
