"""A policy is deployed: to which nodes it goes, and what is said of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.orchestrator.policies.conftest import POLICY, Join
from tests.support.clock import FakeClock

Turn = Callable[[], None]


def deploy(admin: FlaskClient, query: str = "", **more: Any) -> Any:
    answer = admin.post(f"/api/v1/policy{query}", json=POLICY | more)
    assert answer.status_code == 202, answer.json
    return answer.json


def states(admin: FlaskClient, number: int) -> dict[str, str]:
    found = admin.get(f"/api/v1/deployments/{number}").json["nodes"]
    return {each["node"]: each["state"] for each in found}


def test_the_contract_s_policy_goes_to_every_node(
    admin: FlaskClient, join: Join, turn: Turn
) -> None:
    one, two = join("node-1"), join("node-2")
    answer = admin.post("/api/v1/policy", json=POLICY)
    assert answer.status_code == 202
    assert answer.headers["Location"] == "/api/v1/deployments/1"
    assert (answer.json["state"], answer.json["policy"]) == ("rolling", 1)
    assert states(admin, 1) == {"node-1": "pending", "node-2": "pending"}
    assert one.desired() == two.desired() == 1
    found = one.get("policy").json
    assert (found["number"], found["policy"]["name"]) == (1, "strict-mode")
    one.applied()
    turn()
    assert admin.get("/api/v1/deployments/1").json["state"] == "rolling"
    two.applied(state="rejected", message="policy: no room")
    turn()
    done = admin.get("/api/v1/deployments/1").json
    assert (done["state"], done["reason"]) == ("done", "rejected: 1")
    assert [(each["state"], each["message"]) for each in done["nodes"]] == [
        ("applied", None),
        ("rejected", "policy: no room"),
    ]


def test_a_policy_that_is_none_is_refused_with_its_field(admin: FlaskClient) -> None:
    answer = admin.post("/api/v1/policy", json={"name": "x", "rules": [{"type": "rate_limit"}]})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"].startswith("rules[0]")


def test_a_name_that_a_database_can_t_store_is_refused(admin: FlaskClient) -> None:
    answer = admin.post("/api/v1/policy", json={"name": "a\0b"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "name"


@pytest.mark.parametrize("text", ["x", "nan", "-1", "1.5", "1e3", "1e-", "0x1", ""])
def test_a_ratio_is_a_number_from_0_to_1(admin: FlaskClient, text: str) -> None:
    answer = admin.post(f"/api/v1/policy?max_drop_ratio={text}", json=POLICY)
    assert answer.status_code == 422


@pytest.mark.parametrize("text", ["0", "1", "0.5", "0.6472033484574920", "5.960464477539063e-08"])
def test_a_ratio_may_be_written_as_programs_write_numbers(admin: FlaskClient, text: str) -> None:
    answer = admin.post(f"/api/v1/policy?max_drop_ratio={text}&dry_run=true", json=POLICY)
    assert answer.status_code == 200


def test_a_selector_chooses_nodes_by_their_labels(admin: FlaskClient, join: Join) -> None:
    edge = join("node-1", labels={"edge": "yes", "site": "fra"})
    join("node-2", labels={"edge": "yes", "site": "ber"})
    other = join("node-3")
    found = deploy(admin, "?selector=edge=yes,site in (ams,fra)")
    assert found["selector"] == "edge=yes,site in (ams,fra)"
    assert states(admin, 1) == {"node-1": "pending"}
    assert (edge.desired(), other.desired()) == (1, None)
    assert other.get("policy").status_code == 404


def test_a_selector_that_is_none_says_why(admin: FlaskClient) -> None:
    answer = admin.post("/api/v1/policy?selector=edge", json=POLICY)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "selector"


def test_a_node_that_registers_later_gets_the_newest_policy_for_its_labels(
    admin: FlaskClient, join: Join
) -> None:
    deploy(admin)
    deploy(admin, "?selector=edge=yes")
    deploy(admin, "?selector=edge=no")
    assert join("node-1").desired() == 1
    assert join("node-2", labels={"edge": "yes"}).desired() == 2


def test_a_node_that_is_away_does_not_hold_up_the_others(
    admin: FlaskClient, join: Join, turn: Turn, clock: FakeClock
) -> None:
    away, here = join("node-1"), join("node-2")
    clock.pass_ms(31_000)
    here.beat()
    deploy(admin)
    here.applied()
    turn()
    found = admin.get("/api/v1/deployments/1").json
    assert (found["state"], found["reason"]) == ("done", "unreachable: 1")
    assert away.desired() == 1
    away.applied()
    assert states(admin, 1) == {"node-1": "applied", "node-2": "applied"}


def test_a_node_that_does_not_know_a_rule_type_keeps_what_it_has(
    admin: FlaskClient, join: Join
) -> None:
    old = join("node-1", rule_types=["rate_limit"])
    deploy(admin, rules=[{"type": "rate_limit", "value": 5}])
    planned = admin.post("/api/v1/policy?dry_run=true", json=POLICY)
    assert planned.status_code == 200
    (node,) = planned.json["nodes"]
    assert (node["would"], node["from_number"]) == ("reject", 1)
    assert "geo_block" in node["message"]
    found = deploy(admin)
    assert found["nodes"][0]["state"] == "rejected"
    assert old.desired() == 1


def test_a_node_of_another_release_says_what_it_knows_now(admin: FlaskClient, join: Join) -> None:
    node = join("node-1", rule_types=["rate_limit"])
    deploy(admin)
    assert (states(admin, 1), node.desired()) == ({"node-1": "rejected"}, None)
    node.beat(rule_types=["geo_block", "rate_limit"])
    assert (states(admin, 1), node.desired()) == ({"node-1": "pending"}, 1)


def test_a_node_that_has_enrolled_and_says_nothing_more_is_not_waited_for(
    admin: FlaskClient, enrol: Callable[..., FlaskClient], turn: Turn, clock: FakeClock
) -> None:
    enrol("node-1")
    deploy(admin)
    clock.pass_ms(31_000)
    turn()
    found = admin.get("/api/v1/deployments/1").json
    assert (found["state"], found["reason"]) == ("done", "unreachable: 1")


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    admin: FlaskClient, join: Join
) -> None:
    node = join()
    deploy(admin)
    body = {"name": "strict-mode", "rules": [{"type": "rate_limit", "value": 2000}]}
    found = admin.post("/api/v1/policy?dry_run=true", json=body).json
    (group,) = found["changes"]
    assert (group["from_number"], group["nodes"]) == (1, 1)
    assert len(group["changes"]) >= 2
    assert found["supersedes"] == [1]
    assert node.desired() == 1
    assert admin.get("/api/v1/deployments").json["total"] == 1


def test_a_rollback_deploys_the_version_before_as_a_new_one(admin: FlaskClient, join: Join) -> None:
    node = join()
    deploy(admin, name="first")
    deploy(admin, name="second")
    answer = admin.post("/api/v1/policy/rollback", json={})
    assert (answer.status_code, answer.json["policy"], answer.json["name"]) == (202, 3, "first")
    assert node.get("policy").json["name"] == "first"
    history = admin.get("/api/v1/policy/history").json
    assert [row["name"] for row in history["history"]] == ["first", "second", "first"]
    assert admin.get("/api/v1/policy").json["number"] == 3
    assert admin.get("/api/v1/policy/history/2").json["name"] == "second"
    assert admin.post("/api/v1/policy/rollback", json={"number": 9}).status_code == 404


def test_a_newer_deployment_ends_one_that_goes_on_where_they_overlap(
    admin: FlaskClient, join: Join
) -> None:
    one = join("node-1", labels={"edge": "yes"})
    two = join("node-2", labels={"edge": "no"})
    deploy(admin)
    deploy(admin, "?selector=edge=yes")
    first = admin.get("/api/v1/deployments/1").json
    assert (first["state"], first["reason"]) == ("superseded", "deployment 2 came")
    assert states(admin, 1) == {"node-1": "superseded", "node-2": "pending"}
    assert (one.desired(), two.desired()) == (2, 1)


def test_deployments_that_share_no_node_go_on_side_by_side(admin: FlaskClient) -> None:
    deploy(admin, "?selector=site=fra")
    deploy(admin, "?selector=site in (ams,ber)")
    found = admin.get("/api/v1/deployments").json["deployments"]
    assert [each["state"] for each in found] == ["rolling", "rolling"]


def test_the_same_idempotency_key_makes_one_deployment(admin: FlaskClient) -> None:
    headers = {"Idempotency-Key": "one"}
    first = admin.post("/api/v1/policy", json=POLICY, headers=headers)
    again = admin.post("/api/v1/policy", json=POLICY, headers=headers)
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json == again.json
    assert admin.get("/api/v1/deployments").json["total"] == 1


def test_the_policy_has_a_tag(admin: FlaskClient) -> None:
    assert admin.get("/api/v1/policy").status_code == 404
    deploy(admin)
    first = admin.get("/api/v1/policy")
    assert first.json["policy"]["rules"][0]["value"] == 1000
    headers = {"If-None-Match": first.headers["ETag"]}
    assert admin.get("/api/v1/policy", headers=headers).status_code == 304


def test_a_node_s_policy_is_for_its_own_key(admin: FlaskClient, join: Join) -> None:
    one, _ = join("node-1"), join("node-2")
    assert one.client.get("/api/v1/nodes/node-2/policy").status_code == 403
    assert admin.get("/api/v1/nodes/node-1/policy").status_code == 403
    assert one.client.post("/api/v1/policy", json=POLICY).status_code == 403


def test_the_nodes_of_a_deployment_come_in_pages_and_by_state(
    admin: FlaskClient, join: Join
) -> None:
    for number in range(3):
        join(f"node-{number}")
    deploy(admin)
    first = admin.get("/api/v1/deployments/1?limit=2").json
    assert ([each["node"] for each in first["nodes"]], first["total"]) == (["node-0", "node-1"], 3)
    rest = admin.get(f"/api/v1/deployments/1?limit=2&cursor={first['next_cursor']}").json
    assert ([each["node"] for each in rest["nodes"]], rest["next_cursor"]) == (["node-2"], None)
    none = admin.get("/api/v1/deployments/1?state=applied").json
    assert (none["nodes"], none["total"]) == ([], 0)


@pytest.mark.parametrize("path", ["deployments/1", "deployments/x", "policy/history/1"])
def test_what_is_not_there_is_404(admin: FlaskClient, path: str) -> None:
    assert admin.get(f"/api/v1/{path}").status_code == 404
