"""What the agent may ask of a node's rules, and what nobody else may."""

from __future__ import annotations

from typing import Any

from api.management.rules import fleet
from dataplane.client.compiler import Admission

from ..conftest import Api


def put(api: Api, *rules: dict[str, Any], removed: tuple[str, ...] = ()) -> Any:
    body = {"put": [{"action": "block"} | each for each in rules], "removed": list(removed)}
    return api.call("POST", "/rules/fleet", api.agent_key, json=body)


def test_a_rule_is_put_once_however_often_it_is_asked_for(api: Api) -> None:
    first = put(api, {"fleet_id": "rule_7", "pattern": "one"})
    assert (first.json["put"], first.json["removed"], first.json["state"]) == (1, 0, "in_force")
    again = put(api, {"fleet_id": "rule_7", "pattern": "one"})
    assert (again.json["put"], again.json["revision"]) == (0, None)
    (rule,) = api.get("/rules").json["rules"]
    assert (rule["origin"], rule["fleet_id"], rule["created_by"]) == ("fleet", "rule_7", "agent")


def test_a_rule_that_is_another_takes_the_place_of_the_first(api: Api) -> None:
    put(api, {"fleet_id": "rule_7", "pattern": "one"})
    put(api, {"fleet_id": "rule_7", "pattern": "two"}, removed=("rule_9",))
    (rule,) = api.get("/rules").json["rules"]
    assert rule["pattern"] == "two"


def test_what_is_refused_goes_and_is_named(api: Api) -> None:
    put(api, {"fleet_id": "rule_7", "pattern": "one"})
    api.compiler.refuses["bad"] = Admission(refusal="too slow")
    answer = put(api, {"fleet_id": "rule_7", "pattern": "bad"})
    assert answer.json["refused"] == [{"fleet_id": "rule_7", "why": "too slow"}]
    assert answer.json["removed"] == 1
    assert api.get("/rules").json["total"] == 0


def test_a_helper_that_is_away_refuses_nothing(api: Api) -> None:
    api.compiler.away = True
    assert put(api, {"fleet_id": "rule_7", "pattern": "one"}).json["put"] == 1


def test_a_rule_that_is_there_twice_is_refused(api: Api) -> None:
    twice = {"fleet_id": "rule_7", "pattern": "one"}
    answer = put(api, twice, twice)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "put.1.fleet_id"


def test_more_bytes_of_patterns_than_a_revision_has_room_for_are_refused(api: Api) -> None:
    size = fleet.PATTERN_BYTES_MAX // 4000 + 1
    rules = [{"fleet_id": f"rule_{n + 1}", "pattern": "x" * 4000} for n in range(size)]
    answer = put(api, *rules)
    assert answer.status_code == 409
    assert answer.json["errors"][0]["limit"] == f"{fleet.PATTERN_BYTES_MAX} bytes of patterns"


def test_only_the_agent_s_key_opens_it(api: Api) -> None:
    answer = api.post("/rules/fleet", {"removed": ["rule_7"]})
    assert answer.status_code == 403
    assert "agent" in answer.json["detail"]


def test_rules_of_the_fleet_outlive_a_restart(api: Api) -> None:
    put(api, {"fleet_id": "rule_7", "pattern": "one"})
    other = api.restart()
    try:
        assert other.get("/rules").json["rules"][0]["fleet_id"] == "rule_7"
    finally:
        other.close()
