"""The policy over HTTP: applied whole or not at all, kept, shown, and taken back."""

from __future__ import annotations

from typing import Any

import pytest

from api.management.policy.service import HISTORY_MAX
from dataplane.statelog import SetPolicy, StateLogReader

from ..conftest import Api

WATCH = {"name": "watch", "rules": [{"type": "sanity", "action": "monitor", "reasons": ["land"]}]}
OFF = {"name": "off", "rules": [{"type": "blacklist", "action": "off"}]}
LAND_MONITORED = {"profile": "default", "setting": "land", "before": "default", "after": "monitor"}


def put(api: Api, document: Any, query: str = "", **rest: Any) -> Any:
    return api.call("PUT", f"/policy{query}", json=document, **rest)


def logged(api: Api) -> list[Any]:
    """The policies that the data plane is told of, in order."""
    reader = StateLogReader(api.settings.state_log)
    log = reader.log(reader.generations()[-1])
    try:
        changes = [change for line in log.lines(1000) for change in line.changes]
    finally:
        log.close()
    return [change.document for change in changes if isinstance(change, SetPolicy)]


def test_before_anybody_has_said_anything_it_is_the_default(api: Api) -> None:
    assert api.get("/policy").json == {
        "revision": 0,
        "state": "in_force",
        "created_at": None,
        "created_by": None,
        "fleet": None,
        "policy": {"name": "default", "rules": []},
    }


def test_a_policy_is_in_force_and_says_what_it_has_changed(api: Api) -> None:
    answer = put(api, WATCH)
    assert answer.status_code == 200
    assert answer.json == {
        "revision": 1,
        "state": "in_force",
        "name": "watch",
        "replaces": 0,
        "of_revision": None,
        "changes": [LAND_MONITORED],
        "warnings": [],
    }
    shown = api.get("/policy").json
    assert (shown["revision"], shown["state"]) == (1, "in_force")
    assert shown["created_by"] == "MANAGEMENT_API_KEY"
    assert put(api, shown["policy"]).json["changes"] == []  # what is shown can be sent
    assert logged(api)[0] == WATCH


def test_while_the_data_plane_is_away_it_is_pending(api: Api) -> None:
    api.plane.away = True
    answer = put(api, WATCH)
    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    assert answer.headers["Location"] == "/api/v1/revisions/1"
    assert api.get("/policy").json["state"] == "pending"


def test_a_dry_run_changes_nothing(api: Api) -> None:
    answer = put(api, WATCH, "?dry_run=true")
    assert answer.json == {
        "revision": None,
        "state": "dry_run",
        "name": "watch",
        "replaces": 0,
        "of_revision": None,
        "changes": [LAND_MONITORED],
        "warnings": [],
    }
    assert api.get("/policy").json["revision"] == 0
    assert "policy.put" not in {row["action"] for row in api.get("/audit").json["audit"]}
    assert put(api, WATCH, "?dry_run=false").json["revision"] == 1
    assert put(api, WATCH, "?dry_run=yes").status_code == 422


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"name": ""}, "name"),
        ({"rules": []}, "name"),
        ({"name": "x", "rules": [{"type": "sanity", "action": "drop"}]}, "rules[0].action"),
        ({"name": "x", "rules": [{"type": "syn_proxy"}]}, "rules[0].type"),
        ({"name": "x", "rules": [{"type": "rate_limit", "value": 0}]}, "rules[0].value"),
        (
            {"name": "x", "profiles": [{"name": "web", "targets": ["198.51.100.1/24"]}]},
            "profiles[0].targets[0]",
        ),
        (
            {"name": "x", "rules": [{"type": "sanity", "action": "off", "reasons": ["lnad"]}]},
            "rules[0].reasons[0]",
        ),
    ],
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_what_is_wrong_is_named_and_nothing_is_applied(
    api: Api, document: Any, field: str, query: str
) -> None:
    answer = put(api, document, query)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == [field]
    assert api.get("/policy").json["revision"] == 0


def test_all_mistakes_are_named_at_once(api: Api) -> None:
    rules = [{"type": "rate_limit", "vlaue": 5}, {"type": "rate_limit", "value": 5, "burst": 9999}]
    answer = put(api, {"name": "x", "rules": rules})
    assert [(error["field"], error["limit"]) for error in answer.json["errors"]] == [
        ("rules[0].value", "Field required"),
        ("rules[0].vlaue", "no such field; did you mean 'value'?"),
        ("rules[1]", "one rate_limit per source in packets in a profile"),
        ("rules[1].burst", "1 to 300 packets (60 s of value)"),
    ]


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null"])
def test_what_is_no_object_is_no_policy(api: Api, body: str) -> None:
    answer = api.call("PUT", "/policy", data=body, content_type="application/json")
    assert answer.status_code == 422


def test_the_history_is_newest_first_and_has_every_document(api: Api) -> None:
    for document in (WATCH, OFF, WATCH):
        put(api, document)
    first = api.get("/policy/history?limit=2").json
    assert [(row["revision"], row["name"]) for row in first["history"]] == [
        (3, "watch"),
        (2, "off"),
    ]
    assert first["history"][0]["action"] == "policy.put"
    assert first["total"] == 3
    rest = api.get(f"/policy/history?cursor={first['next_cursor']}").json
    assert [row["revision"] for row in rest["history"]] == [1]
    assert rest["next_cursor"] is None
    assert api.get("/policy/history/2").json["policy"] == {
        "name": "off",
        "rules": [{"type": "blacklist", "action": "off"}],
    }
    for unknown in ("7", "0", "x"):
        assert api.get(f"/policy/history/{unknown}").status_code == 404


def test_of_the_history_the_newest_are_kept(api: Api) -> None:
    for number in range(HISTORY_MAX + 3):
        put(api, {"name": str(number)})
    assert api.get("/policy/history").json["total"] == HISTORY_MAX
    assert api.get("/policy/history/3").status_code == 404
    assert api.get("/policy/history/4").status_code == 200


def test_a_rollback_brings_back_the_policy_before(api: Api) -> None:
    put(api, WATCH)
    put(api, OFF)
    answer = api.post("/policy/rollback", {})
    assert (answer.status_code, answer.json["revision"]) == (200, 3)
    said = {name: answer.json[name] for name in ("name", "of_revision", "replaces")}
    assert said == {"name": "watch", "of_revision": 1, "replaces": 2}
    assert {change["setting"] for change in answer.json["changes"]} == {"land", "blacklist"}
    shown = api.get("/policy").json
    assert (shown["revision"], shown["policy"]["name"]) == (3, "watch")
    assert logged(api) == [WATCH, OFF, WATCH]


def test_a_rollback_is_undone_by_one_to_what_it_has_replaced(api: Api) -> None:
    put(api, WATCH)
    put(api, OFF)
    replaced = api.post("/policy/rollback", {}).json["replaces"]
    undone = api.post("/policy/rollback", {"revision": replaced}).json
    assert (undone["name"], undone["of_revision"], undone["replaces"]) == ("off", 2, 3)


def test_a_rollback_goes_to_any_that_is_kept(api: Api) -> None:
    for document in (WATCH, OFF, {"name": "third"}):
        put(api, document)
    assert api.post("/policy/rollback", {"revision": 1}).json["revision"] == 4
    assert api.get("/policy").json["policy"]["name"] == "watch"
    assert api.post("/policy/rollback", {"revision": 9}).status_code == 404
    assert api.post("/policy/rollback", {"revision": 0}).status_code == 422


def test_before_the_first_policy_there_was_the_default(api: Api) -> None:
    put(api, WATCH)
    assert api.post("/policy/rollback", {}).status_code == 200
    assert api.get("/policy").json["policy"] == {"name": "default", "rules": []}


def test_a_repeated_rollback_is_one(api: Api) -> None:
    for document in (WATCH, OFF):
        put(api, document)
    headers = {"Idempotency-Key": "once"}
    answers = [api.post("/policy/rollback", {}, headers=headers) for _ in range(2)]
    assert answers[0].json == answers[1].json
    assert api.get("/policy").json["revision"] == 3


def test_every_change_is_in_the_audit_trail(api: Api) -> None:
    put(api, WATCH)
    api.post("/policy/rollback", {})
    rows = [(row["action"], row["target"]) for row in api.get("/audit").json["audit"]]
    assert rows[:2] == [("policy.rollback", "default"), ("policy.put", "watch")]


def test_who_may_only_read_may_not_change_it(api: Api) -> None:
    key = api.post("/keys", {"name": "reader", "role": "read"}).json["key"]
    assert api.get("/policy", key=key).status_code == 200
    assert put(api, WATCH, key=key).status_code == 403
    assert api.post("/policy/rollback", {}, key=key).status_code == 403


def test_it_survives_a_restart(api: Api) -> None:
    put(api, WATCH)
    again = api.restart()
    try:
        assert again.get("/policy").json["policy"]["name"] == "watch"
    finally:
        again.close()
