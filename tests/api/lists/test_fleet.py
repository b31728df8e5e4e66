"""What the fleet has put on a node's lists is its agent's: nobody else adds or removes it."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import Api
from .lists_model import check_totals, pages

ONE, TWO = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def key(api: Api) -> str:
    """Of role operate, and not the agent's."""
    return str(api.post("/keys", {"name": "robot", "role": "operate"}).json["key"])


@pytest.fixture
def held(api: Api) -> Api:
    """Both lists have entries of the fleet, and the blacklist some of this node's own."""
    many = [{"ip": ip, "reason": "scan", "origin": "fleet"} for ip in (ONE, TWO)]
    assert api.post("/blacklist", {"entries": many}, key=api.agent_key).status_code == 201
    fleet_s = {"ip": "198.51.100.1", "origin": "fleet"}
    assert api.post("/allowlist", fleet_s, key=api.agent_key).status_code == 201
    assert api.ban(ONE, reason="scan").status_code == 201
    return api


def shown(api: Api) -> set[tuple[str, str]]:
    return {(each["ip"], each["origin"]) for each in pages(api, "blacklist")}


ALL = {(ONE, "fleet"), (TWO, "fleet"), (ONE, "manual")}
OF_FLEET = {"ip": "192.0.2.9", "origin": "fleet"}


@pytest.mark.parametrize("name", ["blacklist", "allowlist"])
@pytest.mark.parametrize("who", ["operator", "admin"])
def test_no_other_key_writes_or_deletes_them(held: Api, key: str, name: str, who: str) -> None:
    before = shown(held)
    rest: dict[str, Any] = {"key": key} if who == "operator" else {}
    ip = ONE if name == "blacklist" else "198.51.100.1"
    refused = {
        "origin": [
            held.post(f"/{name}", OF_FLEET, **rest),
            held.post(f"/{name}", OF_FLEET | {"ip": ip}, **rest),
            held.delete(f"/{name}/{ip}?origin=fleet", **rest),
            held.delete(f"/{name}/203.0.113.1?origin=fleet", **rest),
            held.post(f"/{name}/remove", {"origin": "fleet"}, **rest),
            held.post(f"/{name}/remove?dry_run=true", {"origin": "fleet"}, **rest),
            held.bring("192.0.2.9\n", name, "?origin=fleet", **rest),
        ],
        "entries.1.origin": [
            held.post(f"/{name}", {"entries": [{"ip": "192.0.2.8"}, OF_FLEET]}, **rest)
        ],
    }
    for field, several in refused.items():
        for answer in several:
            assert answer.status_code == 403, answer.json
            (error,) = answer.json["errors"]
            assert (error["field"], error["value"]) == (field, "fleet")
            assert "change them at the orchestrator" in answer.json["detail"]
    assert shown(held) == before
    assert held.get("/allowlist").json["total"] == 1
    check_totals(held)


def test_the_agent_s_key_does_all_of_it(api: Api) -> None:
    mine = {"key": api.agent_key}
    assert api.bring(f"{ONE}\n{TWO}\n", query="?origin=fleet", **mine).json["added"] == 2
    assert api.post("/blacklist", {"ip": ONE, "origin": "fleet"}, **mine).status_code == 200
    assert api.delete(f"/blacklist/{ONE}?origin=fleet", **mine).status_code == 204
    assert api.post("/blacklist/remove", {"origin": "fleet"}, **mine).json["removed"] == 1
    assert shown(api) == set()


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({"reason": "scan"}, 2),
        ({"created_by": "agent"}, 2),
        ({"networks": [ONE, "192.0.2.7"]}, 1),
        ({"networks": [TWO]}, 1),
    ],
)
def test_a_removal_by_something_else_leaves_them_and_says_how_many(
    held: Api, wanted: dict[str, Any], kept: int
) -> None:
    gone = {(ONE, "manual")} if wanted.get("networks") == [ONE, "192.0.2.7"] else set()
    gone |= {(ONE, "manual")} if "reason" in wanted else set()
    for query in ("?dry_run=true", ""):
        answer = held.post(f"/blacklist/remove{query}", wanted)
        assert answer.status_code == 200, answer.json
        assert (answer.json["removed"], answer.json["kept_of_fleet"]) == (len(gone), kept)
    assert shown(held) == ALL - gone
    check_totals(held)


def test_a_removal_that_meets_none_of_them_does_not_name_them(held: Api) -> None:
    assert "kept_of_fleet" not in held.post("/blacklist/remove", {"origin": "manual"}).json


def test_a_removal_of_the_agent_s_spares_nothing(held: Api) -> None:
    answer = held.post("/blacklist/remove", {"reason": "scan"}, key=held.agent_key)
    assert answer.json["removed_by_origin"] == {"fleet": 2, "manual": 1}
    assert shown(held) == set()


def test_a_repeated_removal_answers_as_the_first(held: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    first = held.post("/blacklist/remove", {"reason": "scan"}, headers=headers)
    again = held.post("/blacklist/remove", {"reason": "scan"}, headers=headers)
    assert (first.json["removed"], first.json["kept_of_fleet"]) == (1, 2)
    assert (again.json["removed"], again.json["kept_of_fleet"]) == (1, 2)
