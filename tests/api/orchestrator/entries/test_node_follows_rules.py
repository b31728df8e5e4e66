"""A node has the fleet's rules beside its own."""

from __future__ import annotations

from typing import Any

import pytest

from api.agent.fleet.following import shrinking
from api.agent.fleet.following.part import Applied
from api.agent.fleet.parts import rules
from api.agent.node_api import RequestError
from dataplane.client.compiler import Admission

from .conftest import FollowingNode
from .test_node_follows_lists import new_epoch


def add(following: FollowingNode, pattern: str, **more: Any) -> str:
    body = {"pattern": pattern, "action": "block"} | more
    answer = following.admin.post("/api/v1/rules", json=body)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def remove(following: FollowingNode, rule: str) -> None:
    assert following.admin.delete(f"/api/v1/rules/{rule}").status_code == 204


def poll(following: FollowingNode) -> Applied:
    said = following.rules.poll()
    assert said is not None
    return said


def held(following: FollowingNode) -> dict[str | None, str]:
    """Patterns of this node's rules by the fleet's id; None: its own."""
    found = following.api.get("/rules?limit=1000").json["rules"]
    return {each["fleet_id"]: each["pattern"] for each in found}


def test_a_new_node_gets_the_rules_and_keeps_its_own(following: FollowingNode) -> None:
    following.api.post("/rules", {"pattern": "own", "action": "log"})
    rule = add(following, "one", severity="high", targets=["query"], group="some", name="n")
    assert poll(following).state == "applied"
    assert held(following) == {None: "own", rule: "one"}
    (found,) = following.api.get("/rules?origin=fleet").json["rules"]
    wanted = {"origin": "fleet", "severity": "high", "targets": ["query"], "group": "some"}
    assert wanted.items() <= found.items()
    assert following.api.get("/rules?origin=manual").json["total"] == 1


def test_a_node_follows_what_has_changed(following: FollowingNode) -> None:
    one, two = add(following, "one"), add(following, "two")
    poll(following)
    remove(following, one)
    following.admin.patch(f"/api/v1/rules/{two}", json={"enabled": False})
    three = add(following, "three")
    assert poll(following).state == "applied"
    assert held(following) == {two: "two", three: "three"}
    status = {
        each["fleet_id"]: each["status"] for each in following.api.get("/rules").json["rules"]
    }
    assert status == {two: "disabled", three: "active"}
    assert following.rules.poll() is None


def test_a_rule_that_is_right_is_left_alone(following: FollowingNode) -> None:
    add(following, "one", expires_at="2026-12-01T00:00:00Z")
    poll(following)
    before = following.api.get("/rules").json["rules"]
    following.rules.before = None
    following.clock.pass_ms(1500)
    assert poll(following).state == "applied"
    assert following.api.get("/rules").json["rules"] == before


def test_people_change_no_rule_of_the_fleet_on_the_node(following: FollowingNode) -> None:
    rule = add(following, "one")
    poll(following)
    (found,) = following.api.get("/rules").json["rules"]
    for answer in (
        following.api.delete(f"/rules/{found['id']}"),
        following.api.call("PATCH", f"/rules/{found['id']}", json={"enabled": False}),
    ):
        assert answer.status_code == 409
        assert f"the fleet's {rule}" in answer.json["detail"]
    body = {"put": [], "removed": [rule]}
    assert following.api.post("/rules/fleet", body).status_code == 403


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("after", range(4))
def test_a_lost_answer_is_made_good_by_the_next_poll(
    following: FollowingNode, after: int, *, is_done: bool
) -> None:
    one = add(following, "one")
    poll(following)
    two = add(following, "two")
    remove(following, one)
    following.losses.lose(after, is_done=is_done)
    with pytest.raises(RequestError):
        following.rules.poll()
    poll(following)
    assert held(following) == {two: "two"}


def test_a_rule_that_the_node_refuses_is_told_and_holds_up_no_other(
    following: FollowingNode,
) -> None:
    following.api.compiler.refuses["bad"] = Admission(refusal="too slow")
    bad, good = add(following, "bad"), add(following, "good")
    said = poll(following)
    assert (said.state, said.message) == ("rejected", f"{bad}: too slow")
    assert held(following) == {good: "good"}
    remove(following, bad)
    assert poll(following).state == "applied"


def test_more_rules_than_one_request_has_come_in_several(
    following: FollowingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "PUT_MAX", 2)
    made = {add(following, f"pattern{n}"): f"pattern{n}" for n in range(5)}
    poll(following)
    assert held(following) == made


def test_another_epoch_s_rule_of_the_same_id_takes_the_place_of_the_first(
    following: FollowingNode,
) -> None:
    one = add(following, "one")
    poll(following)
    new_epoch(following)
    remove(following, one)
    two = add(following, "two")
    assert poll(following).state == "applied"
    assert held(following) == {two: "two"}


def test_a_snapshot_that_takes_many_away_waits_until_a_person_confirms_it(
    following: FollowingNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shrinking, "ENTRIES_MAX", 1)
    made = [add(following, f"pattern{n}") for n in range(4)]
    poll(following)
    new_epoch(following)
    for rule in made[:3]:
        remove(following, rule)
    said = poll(following)
    assert said.state == "pending"
    assert said.message is not None
    assert "/api/v1/fleet/rules/confirm" in said.message
    assert len(held(following)) == 4
    assert following.admin.post("/api/v1/fleet/rules/confirm").status_code == 200
    assert poll(following).state == "applied"
    assert held(following) == {made[3]: "pattern3"}


def test_a_node_that_leaves_keeps_its_own_rules_alone(following: FollowingNode) -> None:
    following.api.post("/rules", {"pattern": "own", "action": "log"})
    add(following, "one")
    poll(following)
    for _ in range(2):
        following.rules.part.leave()
        assert held(following) == {None: "own"}


def test_a_rule_that_is_not_compiled_yet_is_pending(following: FollowingNode) -> None:
    following.api.ban("198.51.100.1")  # the data plane knows the database
    following.api.plane.compiling = True
    rule = add(following, "one")
    said = poll(following)
    assert (said.state, said.message) == ("pending", "the data plane does not have it yet")
    following.api.plane.compiling = False
    assert (poll(following).state, held(following)) == ("applied", {rule: "one"})
