"""Many rules of the fleet at once: whole or not at all, and one change for the nodes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.orchestrator import staging
from api.orchestrator.app import orchestrator_of
from api.orchestrator.database.tables.rules import fleet_rules_staged
from api.orchestrator.following import log
from api.orchestrator.rules import importing, room
from api.rules import lines
from appliance.cli.commands.rules.rule_files import exported
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
URL = "/api/v1/rules"


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "STAGED_AT_ONCE", 2)


def bring(admin: FlaskClient, *rules: dict[str, Any] | str, **more: Any) -> Any:
    body = "\n".join(rule if isinstance(rule, str) else json.dumps(rule) for rule in rules)
    more.setdefault("content_type", "application/x-ndjson")
    return admin.post(f"{URL}/import", data=body, **more)


def block(pattern: str, **more: Any) -> dict[str, Any]:
    return {"pattern": pattern, "action": "block"} | more


def listed(admin: FlaskClient) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = admin.get(URL).json["rules"]
    return found


def nothing_is_staged(admin: FlaskClient) -> bool:
    with orchestrator_of(admin.application).database.read() as connection:
        query = select(func.count()).select_from(fleet_rules_staged)
        return bool(connection.execute(query).scalar_one() == 0)


def test_an_import_is_one_change_in_the_order_of_its_lines(admin: FlaskClient) -> None:
    first = admin.post(URL, json=block("first")).json
    answer = bring(admin, block("c", severity="low"), "", block("b", targets=["path"]), block("a"))
    assert answer.status_code == 201, answer.json
    revision = answer.json["revision"]
    assert answer.json == {"revision": revision, "lines": 3, "added": 3}
    found = listed(admin)
    assert [(each["id"], each["pattern"]) for each in found] == [
        (first["id"], "first"),
        ("rule_2", "c"),
        ("rule_3", "b"),
        ("rule_4", "a"),
    ]
    assert {each["revision"] for each in found[1:]} == {revision}
    assert (found[1]["severity"], found[2]["targets"]) == ("low", ["path"])
    row = admin.get("/api/v1/audit").json["audit"][0]
    assert (row["action"], row["target"]) == ("rules.import", "3 rules")
    assert nothing_is_staged(admin)
    assert admin.post(URL, json=block("last")).json["id"] == "rule_5"


def test_a_node_is_told_of_an_import_as_of_any_change(admin: FlaskClient, enrol: Enrol) -> None:
    node = enrol()
    known = node.get("/api/v1/nodes/node-1/rules").json
    bring(admin, block("a"), block("b"))
    since = f"?epoch={known['epoch']}&since={known['change']}"
    found = node.get(f"/api/v1/nodes/node-1/rules{since}").json
    assert (found["full"], [each["pattern"] for each in found["rules"]]) == (False, ["a", "b"])


def test_a_node_gets_everything_after_an_import_that_the_log_has_no_room_for(
    admin: FlaskClient, enrol: Enrol, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (log, importing):
        monkeypatch.setattr(module, "ITEMS_MAX", 2)
    node = enrol()
    known = node.get("/api/v1/nodes/node-1/rules").json
    bring(admin, *[block(f"p{n}") for n in range(3)])
    since = f"?epoch={known['epoch']}&since={known['change']}"
    assert node.get(f"/api/v1/nodes/node-1/rules{since}").json["full"]


@pytest.mark.parametrize(
    "bad",
    [
        "{",
        '{"pattern":"","action":"block"}',
        '{"pattern":"x","action":"challenge"}',
        '{"pattern":"x","action":"block","hits":7}',
        '{"pattern":"x","action":"block","expires_at":"2020-01-01T00:00:00Z"}',
    ],
)
def test_a_line_that_is_no_rule_refuses_all(admin: FlaskClient, bad: str) -> None:
    answer = bring(admin, block("a"), block("b"), block("c"), bad)
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "line 4"
    assert listed(admin) == []
    assert nothing_is_staged(admin)


def test_every_line_that_is_no_rule_is_named(admin: FlaskClient) -> None:
    bad = ('{"pattern":"x","action":"blok"}', '{"patern":"x","action":"block"}', "not json")
    answer = bring(admin, block("a"), *bad, block("b"))
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == ["line 2", "line 3", "line 4"]
    assert nothing_is_staged(admin)


def test_there_is_room_or_all_are_refused(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.post(URL, json=block("a", group="one"))
    monkeypatch.setattr(room, "GROUPS_MAX", 2)
    many = [block("b", group="two"), block("c", group="three")]
    assert bring(admin, *many).json["errors"][0]["limit"] == "2 groups"
    assert bring(admin, block("b", group="two"), block("c", group="one")).status_code == 201
    monkeypatch.setattr(room, "PATTERN_BYTES_SUM_MAX", 4)
    answer = bring(admin, block("dd"))
    assert (answer.status_code, answer.json["errors"][0]["limit"]) == (409, "4 bytes of patterns")
    monkeypatch.setattr(room, "RULES_MAX", 4)
    assert bring(admin, block("d"), block("e")).json["errors"][0]["limit"] == "4 rules"
    monkeypatch.setattr(lines, "RULES_MAX", 1)
    answer = bring(admin, block("d"), block("e"))
    assert (answer.status_code, answer.json["errors"][0]["limit"]) == (422, "1 rules")
    assert len(listed(admin)) == 3
    assert nothing_is_staged(admin)


def test_a_body_without_a_rule_changes_nothing(admin: FlaskClient) -> None:
    answer = bring(admin, "")
    assert (answer.status_code, answer.json["revision"]) == (200, None)
    assert bring(admin, block("a"), content_type="application/json").status_code == 415


def test_a_repeated_request_adds_nothing_again(admin: FlaskClient) -> None:
    first = bring(admin, block("a"), headers={"Idempotency-Key": "once"})
    again = bring(admin, block("a"), headers={"Idempotency-Key": "once"})
    assert (again.status_code, again.json) == (201, first.json)
    assert len(listed(admin)) == 1


def test_what_a_crash_has_left_is_not_in_the_next_and_goes(
    admin: FlaskClient, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(staging.Staging, "_unstage", lambda *_: None)
        bring(admin, block("left"), block("too"), "{")
    assert not nothing_is_staged(admin)
    clock.pass_ms(staging.LEFT_MS + 1)
    bring(admin, block("a"))
    assert [each["pattern"] for each in listed(admin)] == ["a"]
    assert nothing_is_staged(admin)


def test_what_the_command_exports_is_what_an_import_takes(admin: FlaskClient) -> None:
    rule = block("a", name="n", group="xss", targets=["path"], profiles=["web"], enabled=False)
    bring(admin, rule | {"severity": "low", "expires_at": "2027-01-01T00:00:00Z"}, block("b"))
    before = listed(admin)
    assert bring(admin, *map(exported, before)).status_code == 201
    own = ("id", "revision")
    copies = [{k: v for k, v in each.items() if k not in own} for each in listed(admin)]
    assert copies[:2] == copies[2:]
