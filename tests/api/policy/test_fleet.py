"""Where a fleet rules: its policy comes from the agent alone, and is overridden and given back."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import Api
from .test_policy import OFF, WATCH, logged, put

EPOCH = "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002"
FLEET = {"name": "fleet", "rules": [{"type": "rate_limit", "value": 1000}]}


def from_fleet(api: Api, number: int, document: Any = FLEET, key: str | None = None) -> Any:
    key = key or api.agent_key
    return put(api, document, f"?fleet={EPOCH}.{number}", key=key)


def name(api: Api) -> str:
    found: str = api.get("/policy").json["policy"]["name"]
    return found


def test_the_agent_brings_the_fleet_s_policy_and_it_is_shown(api: Api) -> None:
    assert api.get("/status").json["fleet"] is None
    assert from_fleet(api, 7).status_code == 200
    shown = {"epoch": EPOCH, "number": 7, "overridden": False}
    assert api.get("/policy").json["fleet"] == shown
    assert api.get("/status").json["fleet"] == shown
    assert logged(api)[-1]["name"] == name(api) == "fleet"
    assert api.get("/audit").json["audit"][0]["action"] == "policy.fleet"


def test_nobody_else_brings_it_not_even_an_admin(api: Api) -> None:
    answer = put(api, FLEET, f"?fleet={EPOCH}.1")
    assert answer.status_code == 403
    assert api.get("/policy").json["fleet"] is None


@pytest.mark.parametrize("number", ["1", "x.1", f"{EPOCH}.x", EPOCH])
def test_a_number_of_the_fleet_has_its_epoch(api: Api, number: str) -> None:
    assert put(api, FLEET, f"?fleet={number}").status_code == 422


def test_a_change_on_the_node_is_refused_and_says_how(api: Api) -> None:
    put(api, WATCH)
    from_fleet(api, 1)
    for answer in (put(api, OFF), api.post("/policy/rollback", {})):
        assert answer.status_code == 409
        assert "override=true" in answer.json["detail"]
    assert name(api) == "fleet"
    assert put(api, OFF, "?dry_run=true").json["warnings"] == [
        "the fleet's policy (number 1) rules: set override=true"
    ]


def test_an_override_holds_against_the_fleet_until_it_is_given_back(api: Api) -> None:
    from_fleet(api, 1)
    assert put(api, OFF, "?override=true").status_code == 200
    assert api.get("/status").json["fleet"]["overridden"] is True
    assert from_fleet(api, 2).status_code == 409
    assert put(api, WATCH).status_code == 200
    assert name(api) == "watch"
    assert api.delete("/policy/override").status_code == 200
    assert api.get("/policy").json["fleet"] == {"epoch": EPOCH, "number": 1, "overridden": False}
    assert name(api) == "fleet"
    assert from_fleet(api, 2).status_code == 200
    actions = [row["action"] for row in api.get("/audit").json["audit"]]
    assert "policy.give_back" in actions


def test_an_override_outlives_a_restart(api: Api) -> None:
    from_fleet(api, 1)
    put(api, OFF, "?override=true")
    again = api.restart()
    assert again.get("/policy").json["fleet"]["overridden"] is True
    again.close()


def test_a_node_that_a_fleet_lets_go_has_the_policy_of_before(api: Api) -> None:
    put(api, WATCH)
    from_fleet(api, 1)
    from_fleet(api, 2, OFF)
    assert api.delete("/policy/fleet").status_code == 200
    assert name(api) == "watch"
    assert api.get("/policy").json["fleet"] is None
    assert put(api, OFF).status_code == 200


def test_what_overrides_the_fleet_stays_when_the_fleet_lets_go(api: Api) -> None:
    from_fleet(api, 1)
    put(api, OFF, "?override=true")
    assert api.delete("/policy/fleet").status_code == 200
    assert name(api) == "off"


def test_there_is_nothing_to_give_back_without_a_fleet(api: Api) -> None:
    assert api.delete("/policy/override").status_code == 404
    assert api.delete("/policy/fleet").status_code == 404
    from_fleet(api, 1)
    assert api.delete("/policy/override").status_code == 404


def test_a_fleet_s_policy_that_is_refused_changes_nothing(api: Api) -> None:
    from_fleet(api, 1)
    wrong = {"name": "x", "rules": [{"type": "of-a-later-release"}]}
    assert from_fleet(api, 2, wrong).status_code == 422
    assert api.get("/policy").json["fleet"]["number"] == 1
