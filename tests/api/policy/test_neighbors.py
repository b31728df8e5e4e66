"""Neighbours of a policy: shown, and whoever cuts one off by a ban is told."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import Api

ROUTER = "203.0.113.1"


def policy(*addresses: str) -> dict[str, Any]:
    neighbors = [{"address": one, "protocols": ["bgp"]} for one in addresses]
    return {"name": "peers", "rules": [], "neighbors": neighbors}


def put(api: Api, document: dict[str, Any], query: str = "") -> Any:
    answer = api.call("PUT", f"/policy{query}", json=document)
    assert answer.status_code == 200, answer.json
    return answer.json


def warned(ban: str, neighbor: str = ROUTER) -> list[str]:
    return [f"the ban of {ban} beats the policy, which names {neighbor} as a neighbour"]


def test_a_neighbour_is_a_change_and_is_shown(api: Api) -> None:
    answer = put(api, policy(ROUTER))
    assert answer["changes"] == [
        {
            "profile": "default",
            "setting": f"neighbor {ROUTER}",
            "before": "default",
            "after": "bgp",
        }
    ]
    assert answer["warnings"] == []
    assert api.get("/policy").json["policy"] == policy(ROUTER)


@pytest.mark.parametrize("ban", [ROUTER, "203.0.113.0/24"])
def test_a_policy_whose_neighbour_is_banned_is_taken_with_a_warning(api: Api, ban: str) -> None:
    api.ban(ban)
    assert put(api, policy(ROUTER), "?dry_run=true")["warnings"] == warned(ban)
    assert put(api, policy(ROUTER))["warnings"] == warned(ban)


def test_a_ban_within_a_neighbours_prefix_is_told_too(api: Api) -> None:
    api.ban(ROUTER)
    warnings = put(api, policy("203.0.113.0/24"))["warnings"]
    assert warnings == warned(ROUTER, "203.0.113.0/24")


@pytest.mark.parametrize("ban", [ROUTER, "203.0.113.0/24", "203.0.0.0/8"])
def test_a_ban_that_ends_a_neighbours_sessions_is_taken_with_a_warning(api: Api, ban: str) -> None:
    put(api, policy(ROUTER, "2001:db8::1"))
    answer = api.ban(ban)
    assert answer.status_code == 201
    assert answer.json["warnings"] == warned(ban)


@pytest.mark.parametrize("ban", ["203.0.113.2", "::/19", "198.51.100.0/24"])
def test_other_bans_are_no_matter(api: Api, ban: str) -> None:
    put(api, policy(ROUTER))
    assert "warnings" not in api.ban(ban).json


def test_who_is_on_the_allowlist_is_not_cut_off(api: Api) -> None:
    put(api, policy(ROUTER))
    assert api.call("POST", "/allowlist", json={"ip": ROUTER}).status_code == 201
    (warning,) = api.ban("203.0.113.0/24").json["warnings"]
    assert "allowlist" in warning
    assert put(api, policy(ROUTER))["warnings"] == []


def test_a_policy_without_neighbours_names_nobody(api: Api) -> None:
    put(api, policy(ROUTER))
    put(api, {"name": "none"})
    assert "warnings" not in api.ban(ROUTER).json


def test_many_are_not_all_named(api: Api) -> None:
    put(api, policy(*(f"203.0.113.{number}" for number in range(12))))
    warnings = api.ban("203.0.113.0/24").json["warnings"]
    assert (len(warnings), warnings[-1]) == (11, "and 2 more neighbours")
