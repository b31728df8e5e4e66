"""The fleet's rules of the WAF, as people use them, and what nodes are told of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.orchestrator.rules import following, room
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
URL = "/api/v1/rules"
PATTERN = "(?i)(union.*select|select.*from)"


def add(admin: FlaskClient, pattern: str = PATTERN, **more: Any) -> dict[str, Any]:
    answer = admin.post(URL, json={"pattern": pattern, "action": "block"} | more)
    assert answer.status_code == 201, answer.json
    found: dict[str, Any] = answer.json
    return found


def ask(node: FlaskClient, known: dict[str, Any] | None = None) -> dict[str, Any]:
    since = "" if known is None else f"?epoch={known['epoch']}&since={known['change']}"
    found: dict[str, Any] = node.get(f"/api/v1/nodes/node-1/rules{since}").json
    return found


def test_a_rule_of_the_contract_is_listed_with_its_fields(admin: FlaskClient) -> None:
    made = add(admin, severity="high")
    wanted = {"id": "rule_1", "pattern": PATTERN, "action": "block", "severity": "high"}
    assert wanted.items() <= made.items()
    assert made["status"] == "active"
    assert made["created_at"].endswith("Z")
    assert admin.get(URL).json == {"rules": [made], "total": 1, "next_cursor": None}
    assert made.items() <= admin.get(f"{URL}/rule_1").json.items()


def test_a_rule_that_is_none_is_refused_with_the_field(admin: FlaskClient) -> None:
    answer = admin.post(URL, json={"pattern": "", "action": "block"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "pattern"


def test_a_rule_is_switched_off_and_removed(admin: FlaskClient) -> None:
    rule = add(admin)
    answer = admin.patch(f"{URL}/{rule['id']}", json={"enabled": False, "group": "wordpress"})
    assert (answer.status_code, answer.json["status"]) == (200, "disabled")
    assert answer.json["group"] == "wordpress"
    assert admin.delete(f"{URL}/{rule['id']}").status_code == 204
    assert admin.delete(f"{URL}/{rule['id']}").status_code == 404
    assert admin.patch(f"{URL}/{rule['id']}", json={"enabled": True}).status_code == 404


def test_an_id_is_never_given_again(admin: FlaskClient) -> None:
    first = add(admin)
    admin.delete(f"{URL}/{first['id']}")
    assert add(admin)["id"] != first["id"]


def test_a_rule_ends_by_the_database_s_clock(admin: FlaskClient, clock: FakeClock) -> None:
    add(admin, expires_at="2026-10-01T00:00:00Z")
    clock.pass_ms(40 * 86_400_000)
    assert admin.get(URL).json["total"] == 0


def test_an_end_that_has_passed_is_refused(admin: FlaskClient) -> None:
    body = {"pattern": "x", "action": "block", "expires_at": "2020-01-01T00:00:00Z"}
    assert admin.post(URL, json=body).status_code == 422


def test_there_is_room_for_so_many_rules_and_groups(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "RULES_MAX", 2)
    monkeypatch.setattr(room, "GROUPS_MAX", 1)
    add(admin, group="one")
    refused = admin.post(URL, json={"pattern": "x", "action": "log", "group": "two"})
    assert (refused.status_code, refused.json["errors"][0]["limit"]) == (409, "1 groups")
    add(admin)
    refused = admin.post(URL, json={"pattern": "x", "action": "log"})
    assert (refused.status_code, refused.json["errors"][0]["limit"]) == (409, "2 rules")


def test_pages_hold_every_rule_once(admin: FlaskClient) -> None:
    made = [add(admin, f"pattern{n}")["id"] for n in range(5)]
    first = admin.get(f"{URL}?limit=3").json
    second = admin.get(f"{URL}?limit=3&cursor={first['next_cursor']}").json
    assert [each["id"] for each in first["rules"] + second["rules"]] == made
    assert second["next_cursor"] is None


def test_a_change_of_the_rules_is_what_a_node_is_to_have(admin: FlaskClient, enrol: Enrol) -> None:
    node = enrol()
    change = add(admin)["revision"]
    assert node.get("/api/v1/nodes/node-1/desired").json["rules"] == change


def test_a_node_is_told_what_has_changed(admin: FlaskClient, enrol: Enrol) -> None:
    node = enrol()
    one, two = add(admin, "one"), add(admin, "two")
    known = ask(node)
    assert (known["full"], known["total"]) == (True, 2)
    admin.delete(f"{URL}/{one['id']}")
    admin.patch(f"{URL}/{two['id']}", json={"action": "log"})
    add(admin, "three")
    found = ask(node, known)
    assert not found["full"]
    assert [(each["pattern"], each["action"]) for each in found["rules"]] == [
        ("two", "log"),
        ("three", "block"),
    ]
    assert found["removed"] == [one["id"]]
    assert ask(node, found)["rules"] == []


def test_a_node_that_lacks_much_gets_everything_in_pages(
    admin: FlaskClient, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "FOLLOWED_MAX", 2)
    node = enrol()
    known = ask(node)
    made = [add(admin, f"pattern{n}")["id"] for n in range(3)]
    first = ask(node, known)
    assert (first["full"], first["total"]) == (True, 3)
    second = node.get(f"/api/v1/nodes/node-1/rules?cursor={first['next_cursor']}").json
    assert [each["id"] for each in first["rules"] + second["rules"]] == made


def test_a_node_asks_for_itself_and_changes_no_rule(enrol: Enrol) -> None:
    enrol("node-1")
    other = enrol("node-2")
    assert other.get("/api/v1/nodes/node-1/rules").status_code == 403
    assert other.post(URL, json={"pattern": "x", "action": "log"}).status_code == 403
