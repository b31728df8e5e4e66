"""Rules of the WAF: the contract's examples, their life from POST to DELETE, what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from api.management.rules import service, views
from dataplane.statelog import PutRule, RemoveRule
from dataplane.waf.document import from_row

from ..conftest import Api
from .rules_support import PATTERN, add, changes

CONTRACT = {"pattern": PATTERN, "action": "block", "severity": "high"}
"""As in the reference's POST."""


def test_the_contracts_rule_is_added_listed_and_removed(api: Api) -> None:
    answer = api.post("/rules", CONTRACT)
    assert answer.status_code == 201
    body = answer.json
    assert {"id", "status", "created_at"} <= body.keys()
    assert (body["id"], body["status"]) == ("rule_1", "active")
    assert body["created_at"].endswith("Z")
    assert answer.headers["Location"] == "/api/v1/rules/rule_1"
    api.plane.hits_by_rule[1] = 42
    page = api.get("/rules").json
    (rule,) = page["rules"]
    assert {name: rule[name] for name in ("id", "pattern", "action", "hits")} == {
        "id": "rule_1",
        "pattern": PATTERN,
        "action": "block",
        "hits": 42,
    }
    assert (page["total"], page["next_cursor"]) == (1, None)
    assert api.get("/rules/rule_1").json == rule
    assert api.delete("/rules/rule_1").status_code == 204
    assert api.get("/rules").json["total"] == 0
    assert api.delete("/rules/rule_1").status_code == 404


def test_a_body_without_content_type_as_in_the_contracts_curl_is_read(api: Api) -> None:
    text = '{"pattern": "(?i)script.*alert", "action": "block", "severity": "high"}'
    form = "application/x-www-form-urlencoded"
    answer = api.call("POST", "/rules", data=text, content_type=form)
    assert answer.json["id"] == "rule_1"


def test_what_is_not_said_has_its_default_and_what_is_said_is_kept(api: Api) -> None:
    body = add(api).json
    assert body == {
        "id": "rule_1",
        "origin": "manual",
        "fleet_id": None,
        "name": None,
        "group": None,
        "pattern": PATTERN,
        "action": "block",
        "severity": "medium",
        "targets": ["any"],
        "profiles": [],
        "enabled": True,
        "status": "active",
        "created_at": "2026-09-21T14:13:20.000Z",
        "created_by": "MANAGEMENT_API_KEY",
        "expires_at": None,
        "hits": 0,
        "revision": 1,
        "state": "in_force",
        "reason": None,
    }
    said = {
        "pattern": "x",
        "action": "log",
        "severity": "critical",
        "name": "no x",
        "group": "xss",
        "targets": ["query", "header:User-Agent"],
        "profiles": ["web"],
        "enabled": False,
        "expires_at": "2026-09-21T16:13:20+02:00",
    }
    api.clock.step_ms(-60_000)
    made = api.post("/rules", said).json
    assert ["no profile 'web'" in warning for warning in made["warnings"]] == [True]
    assert {name: made[name] for name in said} == {
        **said,
        "targets": ["header:user-agent", "query"],
        "expires_at": "2026-09-21T14:13:20.000Z",
    }
    assert made["status"] == "disabled"


def test_a_rule_travels_through_the_state_log(api: Api) -> None:
    add(api, "a", expires_at="2026-09-22T00:00:00Z", targets=["path"])
    api.call("PATCH", "/rules/rule_1", json={"action": "log", "enabled": False})
    api.delete("/rules/rule_1")
    put, changed, removed = changes(api)
    assert isinstance(put, PutRule)
    rule = from_row(put.row)
    assert (rule.number, rule.pattern, rule.targets, rule.action) == (1, "a", ("path",), "block")
    assert rule.deadline is not None
    assert rule.deadline.boot_id == api.clock.boot_id()
    after = from_row(changed.row)
    assert (after.action, after.enabled, after.deadline) == ("log", False, rule.deadline)
    assert removed == RemoveRule(1)


def test_a_number_is_never_given_again(api: Api) -> None:
    for expected in ("rule_1", "rule_2", "rule_3"):
        assert add(api).json["id"] == expected
        api.delete(f"/rules/{expected}")
    again = api.restart()
    try:
        assert add(again).json["id"] == "rule_4"
    finally:
        again.close()


def test_patch_changes_action_enabled_and_group_and_nothing_else(api: Api) -> None:
    made = add(api).json
    answer = api.call("PATCH", "/rules/rule_1", json={"enabled": False})
    assert answer.status_code == 200
    assert answer.json == {**made, "enabled": False, "status": "disabled", "revision": 2}
    answer = api.call("PATCH", "/rules/rule_1", json={"enabled": True, "action": "log"})
    assert (answer.json["status"], answer.json["action"]) == ("active", "log")
    for wrong in ({}, {"pattern": "y"}, {"action": "challenge"}, {"enabled": 1}):
        assert api.call("PATCH", "/rules/rule_1", json=wrong).status_code == 422, wrong
    assert api.call("PATCH", "/rules/rule_9", json={"enabled": True}).status_code == 404


@pytest.mark.parametrize("rule", ["rule_9", "rule_0", "rule_", "9", "rule_1x", "rule_" + "9" * 19])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_rule_that_is_not_there_is_404(api: Api, rule: str, method: str) -> None:
    add(api)
    answer = api.call(method, f"/rules/{rule}")
    assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "block"}, "pattern"),
        ({"pattern": "x"}, "action"),
        ({"pattern": "", "action": "block"}, "pattern"),
        ({"pattern": "a\0b", "action": "block"}, "pattern"),
        ({"pattern": "x" * 4097, "action": "block"}, "pattern"),
        ({"pattern": "x", "action": "block", "group": "none"}, "group"),
        ({"pattern": "x", "action": "block", "group": "No"}, "group"),
        ({"pattern": "x", "action": "block", "group": "n" * 64}, "group"),
        ({"pattern": "\u00e4" * 2049, "action": "block"}, "pattern"),
        ({"pattern": 7, "action": "block"}, "pattern"),
        ({"pattern": "x", "action": "drop"}, "action"),
        ({"pattern": "x", "action": "block", "severity": "huge"}, "severity"),
        ({"pattern": "x", "action": "block", "name": "a\nb"}, "name"),
        ({"pattern": "x", "action": "block", "targets": []}, "targets"),
        ({"pattern": "x", "action": "block", "targets": ["any", "path"]}, "targets"),
        ({"pattern": "x", "action": "block", "targets": ["header:a b"]}, "targets.0"),
        ({"pattern": "x", "action": "block", "targets": ["path"] * 9}, "targets"),
        ({"pattern": "x", "action": "block", "profiles": ["A"]}, "profiles.0"),
        ({"pattern": "x", "action": "block", "enabled": 1}, "enabled"),
        ({"pattern": "x", "action": "block", "expires_at": "tomorrow"}, "expires_at"),
        ({"pattern": "x", "action": "block", "expires_at": "2026-09-22T00:00:00"}, "expires_at"),
        ({"pattern": "x", "action": "block", "expires_at": "2026-02-30T00:00:00Z"}, "expires_at"),
        ({"pattern": "x", "action": "block", "expires_at": "2026-09-21T14:13:20Z"}, "expires_at"),
        ({"pattern": "x", "action": "block", "expires_at": "2040-01-01T00:00:00Z"}, "expires_at"),
        *(
            ({"pattern": "x", "action": "block", "expires_at": end}, "expires_at")
            for end in (
                "9999-12-31T23:59:59Z",
                "9999-12-31T23:59:59-23:59",
                "0001-01-01T00:00:00+23:59",
                "10000-01-01T00:00:00Z",
                "2026-09-21T14:13:21." + "0" * 5000 + "Z",
            )
        ),
        ({"pattern": "x", "action": "block", "id": "rule_7"}, "id"),
    ],
)
def test_what_is_wrong_is_named_with_its_limit(api: Api, body: Any, field: str) -> None:
    answer = api.post("/rules", body)
    assert answer.status_code == 422
    error = answer.json["errors"][0]
    assert (error["field"], bool(error["limit"])) == (field, True)
    assert api.get("/status").json["revision"]["committed"] == 0


def test_challenge_is_refused_with_what_there_is(api: Api) -> None:
    answer = add(api, action="challenge")
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], error["value"]) == ("action", "challenge")
    assert error["limit"] == "block and log"
    assert "not there yet" in error["message"]


def test_pages_follow_the_numbers_and_total_counts_all(api: Api) -> None:
    for number in range(7):
        add(api, f"p{number}")
    api.delete("/rules/rule_3")
    found, cursor = [], ""
    while True:
        page = api.get(f"/rules?limit=2{cursor}").json
        found += [rule["id"] for rule in page["rules"]]
        assert page["total"] == 6
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == [f"rule_{n}" for n in (1, 2, 4, 5, 6, 7)]
    assert api.get("/rules?cursor=x").status_code == 422
    assert api.get("/rules?limit=1001").status_code == 422


def test_a_full_node_refuses_before_it_commits(api: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "RULES_MAX", 2)
    add(api)
    add(api, expires_at="2026-09-21T14:13:30Z")
    answer = add(api)
    assert answer.status_code == 409
    (error,) = answer.json["errors"]
    assert (error["value"], error["limit"]) == (3, "2 rules")
    assert api.get("/status").json["revision"]["committed"] == 2
    api.clock.pass_ms(10_000)
    assert add(api).status_code == 201, "what has ended takes no place"
    monkeypatch.setattr(service, "RULES_MAX", 9)
    monkeypatch.setattr(service, "PATTERN_BYTES_SUM_MAX", 2 * len(PATTERN) + 1)
    answer = add(api, "xy")
    assert answer.json["errors"][0]["limit"] == f"{2 * len(PATTERN) + 1} bytes of patterns"
    assert add(api, "x").status_code == 201


def test_additions_are_limited_for_each_key(api: Api) -> None:
    assert views.ADDITIONS_PER_MINUTE == 600
    (show,) = [each for each in api.node.operations if each.name == "post_rules"]
    limit = _unwrapped(show.handler)._additions
    limit._per_minute = 2
    assert [add(api).status_code for _ in range(3)] == [201, 201, 429]
    refused = add(api)
    assert int(refused.headers["Retry-After"]) >= 1
    assert "additions of rules" in refused.json["detail"]
    assert api.delete("/rules/rule_1").status_code == 204, "other writes go on"


def _unwrapped(handler: Any) -> Any:
    cells = [cell.cell_contents for cell in handler.__closure__]
    (bound,) = [each for each in cells if hasattr(each, "__self__")]
    return bound.__self__


def test_every_change_is_in_the_audit_trail(api: Api) -> None:
    add(api)
    api.call("PATCH", "/rules/rule_1", json={"enabled": False})
    api.delete("/rules/rule_1")
    rows = api.get("/audit").json["audit"][:3]
    assert [(row["action"], row["target"], row["revision"]) for row in rows] == [
        ("rules.remove", "rule_1", 3),
        ("rules.change", "rule_1", 2),
        ("rules.add", "rule_1", 1),
    ]


def test_a_repeated_request_gets_the_same_rule(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    first = api.post("/rules", CONTRACT, headers=headers)
    again = api.post("/rules", CONTRACT, headers=headers)
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.get("/rules").json["total"] == 1
    assert add(api, "other", headers=headers) is not None


@pytest.mark.parametrize(
    ("method", "path", "role"),
    [
        ("GET", "/rules", "read"),
        ("GET", "/rules/rule_1", "read"),
        ("GET", "/rules/jobs/0123456789abcdef", "read"),
        ("GET", "/rules/evidence", "operate"),
        ("POST", "/rules/import", "operate"),
        ("POST", "/rules", "operate"),
        ("PATCH", "/rules/rule_1", "operate"),
        ("DELETE", "/rules/rule_1", "operate"),
    ],
)
def test_roles(api: Api, method: str, path: str, role: str) -> None:
    add(api)
    keys = {
        each: api.post("/keys", {"name": each, "role": each}).json["key"]
        for each in ("read", "operate")
    }
    body = {"POST": CONTRACT, "PATCH": {"enabled": True}}.get(method)
    for name, key in keys.items():
        answer = api.call(method, path, key=key, json=body)
        allowed = role == "read" or name == "operate"
        assert (answer.status_code == 403) != allowed, (name, answer.json)
