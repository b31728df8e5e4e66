"""Many entries of the fleet at once: imports, and removals of what a filter meets."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.orchestrator import staging
from api.orchestrator.app import orchestrator_of
from api.orchestrator.database.tables.entries import fleet_entries_staged
from api.orchestrator.entries import importing, removing, service, staged
from api.orchestrator.following import log
from tests.support.clock import FakeClock

URL = "/api/v1/blacklist"


def bring(
    admin: FlaskClient, body: str, query: str = "", name: str = "blacklist", **more: Any
) -> Any:
    more.setdefault("content_type", "text/plain")
    return admin.post(f"/api/v1/{name}/import{query}", data=body, **more)


def listed(admin: FlaskClient, name: str = "blacklist") -> list[str]:
    return [each["ip"] for each in admin.get(f"/api/v1/{name}").json[name]]


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "STAGED_AT_ONCE", 2)
    monkeypatch.setattr(staged, "_ALLOWED_AT_ONCE", 1)
    monkeypatch.setattr(staging, "FORGOTTEN_AT_ONCE", 2)
    monkeypatch.setattr(removing, "_AT_ONCE", 2)


def nothing_is_staged(admin: FlaskClient) -> bool:
    with orchestrator_of(admin.application).database.read() as connection:
        query = select(func.count()).select_from(fleet_entries_staged)
        return bool(connection.execute(query).scalar_one() == 0)


def test_an_import_is_one_change(admin: FlaskClient) -> None:
    answer = bring(admin, "192.0.2.1\n# a comment\n\n192.0.2.0/28\n2001:db8::1\n", "?reason=why")
    assert answer.status_code == 201
    counts = {"lines": 3, "networks": 3, "added": 3, "replaced": 0, "skipped": 0, "refused": 0}
    assert counts.items() <= answer.json.items()
    found = admin.get(URL).json["blacklist"]
    assert {each["ip"] for each in found} == {"192.0.2.1", "192.0.2.0/28", "2001:db8::1"}
    assert {(each["revision"], each["reason"]) for each in found} == {
        (answer.json["revision"], "why")
    }
    assert nothing_is_staged(admin)


def test_lines_of_json_have_their_own_ends(admin: FlaskClient, clock: FakeClock) -> None:
    body = '{"ip": "192.0.2.1", "duration_seconds": 60}\n{"ip": "192.0.2.2"}\n'
    bring(admin, body, content_type="application/x-ndjson")
    clock.pass_ms(60_000)
    assert listed(admin) == ["192.0.2.2"]


def test_a_bad_line_changes_nothing(admin: FlaskClient) -> None:
    answer = bring(admin, "192.0.2.1\n192.0.2.2\n192.0.2.3\nnothing\n")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "line 4"
    assert listed(admin) == []
    assert nothing_is_staged(admin)


BAD = "bad one\n192.0.2.1\n192.0.2.4 - 192.0.2.6\n10.0.0.0/7\nworse\n192.0.2.4/31\n"
"""Of the range that line 3 is, line 6 repeats a part."""


def test_bad_lines_are_all_named(admin: FlaskClient) -> None:
    answer = bring(admin, BAD)
    assert answer.status_code == 422
    assert [each["field"] for each in answer.json["errors"]] == ["line 1", "line 5"]
    assert listed(admin) == []
    assert nothing_is_staged(admin)


def test_bad_lines_may_be_left_out(admin: FlaskClient) -> None:
    answer = bring(admin, BAD, "?on_error=skip&on_conflict=skip")
    assert answer.status_code == 201
    counts = {"lines": 6, "networks": 5, "added": 4, "skipped": 1, "refused": 2}
    assert counts.items() <= answer.json.items()
    assert [each["line"] for each in answer.json["refused_lines"]] == [1, 5]
    assert [each["line"] for each in answer.json["skipped_lines"]] == [6]
    assert answer.json["warnings"][0].startswith("line 4: 10.0.0.0/7 is shorter than /8")
    assert listed(admin) == ["10.0.0.0/7", "192.0.2.1", "192.0.2.4/31", "192.0.2.6"]
    assert nothing_is_staged(admin)


CONFLICTS = "198.51.100.1\n192.0.2.1\n203.0.113.7\n198.51.100.1\n"
"""Line 2 is banned already, line 3 is allowed, line 4 repeats line 1."""


@pytest.fixture
def conflicting(admin: FlaskClient) -> FlaskClient:
    admin.post(URL, json={"ip": "192.0.2.1", "reason": "first"})
    for ip in ("203.0.113.0/24", "10.0.0.0/8", "::/0"):
        admin.post("/api/v1/allowlist?force=true", json={"ip": ip})
    return admin


def test_a_conflict_refuses_all_unless_it_is_to_be_skipped(conflicting: FlaskClient) -> None:
    answer = bring(conflicting, CONFLICTS)
    assert answer.status_code == 409
    assert [each["field"] for each in answer.json["errors"]] == ["line 4"]
    assert listed(conflicting) == ["192.0.2.1"]
    assert nothing_is_staged(conflicting)


def test_what_conflicts_is_skipped_and_told(conflicting: FlaskClient) -> None:
    answer = bring(conflicting, CONFLICTS, "?on_conflict=skip")
    assert (answer.json["added"], answer.json["skipped"]) == (1, 3)
    assert [(each["line"], each["why"]) for each in answer.json["skipped_lines"]] == [
        (2, "is on the list already"),
        (3, "is covered by 203.0.113.0/24 on the fleet's allowlist"),
        (4, "repeats an earlier line"),
    ]
    assert listed(conflicting) == ["192.0.2.1", "198.51.100.1"]


def test_what_is_there_is_replaced(conflicting: FlaskClient) -> None:
    answer = bring(conflicting, CONFLICTS, "?on_conflict=replace&reason=second")
    assert (answer.json["added"], answer.json["replaced"], answer.json["skipped"]) == (1, 1, 2)
    assert conflicting.get(f"{URL}/192.0.2.1").json["reason"] == "second"


def test_an_entry_that_has_ended_is_none_that_conflicts(
    admin: FlaskClient, clock: FakeClock
) -> None:
    admin.post(URL, json={"ip": "192.0.2.1", "duration_seconds": 60})
    clock.pass_ms(60_000)
    assert bring(admin, "192.0.2.1\n").status_code == 201
    assert listed(admin) == ["192.0.2.1"]


def test_an_import_that_adds_nothing_is_no_change(admin: FlaskClient) -> None:
    bring(admin, "192.0.2.1\n")
    answer = bring(admin, "192.0.2.1\n", "?on_conflict=skip")
    assert (answer.status_code, answer.json["revision"]) == (200, None)


def test_an_import_that_does_not_fit_is_refused(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ENTRIES_MAX", 2)
    assert bring(admin, "192.0.2.1\n192.0.2.2\n192.0.2.3\n").status_code == 409
    assert listed(admin) == []


def test_a_node_is_told_of_a_small_import_alone_and_gets_all_after_a_large_one(
    admin: FlaskClient, enrol: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "ITEMS_MAX", 3)
    monkeypatch.setattr(importing, "ITEMS_MAX", 3)
    node = enrol("node-1")
    known = node.get("/api/v1/nodes/node-1/lists").json
    since = f"?epoch={known['epoch']}&since={known['change']}"
    bring(admin, "192.0.2.1\n192.0.2.2\n192.0.2.3\n")
    found = node.get(f"/api/v1/nodes/node-1/lists{since}").json
    assert (found["full"], len(found["entries"])) == (False, 3)
    bring(admin, "".join(f"198.51.100.{n}\n" for n in range(4)))
    found = node.get(f"/api/v1/nodes/node-1/lists{since}").json
    assert (found["full"], len(found["entries"])) == (True, 7)


@pytest.fixture
def four(admin: FlaskClient) -> FlaskClient:
    bring(admin, "192.0.2.1\n192.0.2.2\n192.0.2.3\n", "?reason=feed")
    bring(admin, "192.0.2.4\n", "?reason=other")
    return admin


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ({"reason": "feed"}, ["192.0.2.4"]),
        ({"created_by": "admin"}, []),
        (
            {"networks": ["192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.9"]},
            ["192.0.2.3"],
        ),
        (
            {"networks": ["192.0.2.1", "192.0.2.4"], "reason": "feed"},
            ["192.0.2.2", "192.0.2.3", "192.0.2.4"],
        ),
    ],
)
def test_what_a_filter_meets_is_removed(
    four: FlaskClient, wanted: dict[str, Any], left: list[str]
) -> None:
    counted = four.post(f"{URL}/remove?dry_run=true", json=wanted)
    assert counted.json == {"revision": None, "removed": 4 - len(left)}
    assert len(listed(four)) == 4
    answer = four.post(f"{URL}/remove", json=wanted)
    assert answer.json["removed"] == 4 - len(left)
    assert listed(four) == left


def test_a_filter_that_meets_nothing_is_no_change(four: FlaskClient) -> None:
    answer = four.post(f"{URL}/remove", json={"reason": "nobody's"})
    assert answer.json == {"revision": None, "removed": 0}
    assert four.post(f"{URL}/remove", json={}).status_code == 422


def test_a_removal_is_confirmed_by_whoever_makes_it(four: FlaskClient, enrol: Any) -> None:
    node = enrol("node-1")
    four.post(f"{URL}/remove", json={"reason": "feed"})
    assert node.get("/api/v1/nodes/node-1/lists?epoch=another&since=1").json["confirmed"]
