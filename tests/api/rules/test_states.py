"""When a rule is in force, when it ends, and what is said when it can not be."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from api.common.disk import DiskError
from api.management.rules import admission, views
from dataplane.client.compiler import Admission
from dataplane.shared.stats import RejectedRule
from dataplane.statelog import StateLogReader
from dataplane.waf.document import from_row
from tests.support.clock import DAY_MS, FakeClock

from ..conftest import Api
from ..lists.test_publishing import BrokenDisk
from .rules_support import add, changes, snapshot_rules


def test_a_pattern_that_the_engine_refuses_is_422_with_construct_and_position(api: Api) -> None:
    api.compiler.refuses["(?=x)y"] = Admission("look-ahead is not supported", 0)
    answer = add(api, "(?=x)y")
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], error["value"]) == ("pattern", "(?=x)y")
    assert error["message"] == "pattern: look-ahead is not supported (at position 0)"
    assert api.get("/status").json["revision"]["committed"] == 0
    assert api.compiler.asked[0].targets == ("any",)


def test_warnings_of_the_engine_are_passed_on(api: Api) -> None:
    api.compiler.refuses["a{1,9}"] = Admission(warnings=("the upper bound is dropped",))
    assert add(api, "a{1,9}").json["warnings"] == ["the upper bound is dropped"]


def test_without_a_compile_helper_the_rule_is_committed_and_says_so(api: Api) -> None:
    api.compiler.away = True
    api.plane.compiling = True
    answer = add(api)
    assert (answer.status_code, answer.json["status"]) == (202, "pending")
    assert answer.json["warnings"] == [admission.UNCHECKED]
    assert answer.headers["Location"] == "/api/v1/revisions/1"


def test_only_so_many_patterns_are_tried_at_a_time(api: Api, monkeypatch: Any) -> None:
    checks = admission.Admissions(api.compiler)

    def nested(_candidates: Any) -> Any:
        checks.check(admission.Candidate("x"))
        return []

    monkeypatch.setattr(checks, "_room", admission.threading.BoundedSemaphore(1))
    monkeypatch.setattr(checks, "ask", nested)
    with pytest.raises(admission.TooManyRequestsError, match="being tried"):
        checks.check(admission.Candidate("y"))


def test_a_rule_that_is_being_compiled_is_pending_and_a_ban_behind_it_is_not(api: Api) -> None:
    api.plane.compiling = True
    answer = add(api)
    assert (answer.status_code, answer.json["status"], answer.json["hits"]) == (
        202,
        "pending",
        None,
    )
    assert answer.headers["Location"] == "/api/v1/revisions/1"
    assert api.get("/revisions/1").json["state"] == "pending"
    assert api.ban("192.0.2.1").status_code == 201
    assert api.get("/revisions/2").json["state"] == "in_force"
    gone = api.delete("/rules/rule_1")
    assert (gone.status_code, gone.headers["Location"]) == (202, "/api/v1/revisions/3")
    api.plane.compiling = False
    assert api.get("/revisions/1").json["state"] == "in_force"


def test_a_rule_that_the_data_plane_rejects_says_why(api: Api) -> None:
    api.compiler.away = True
    why = "look-ahead is not supported (at position 0)"
    api.plane.on_announce = lambda revision: api.plane.rejected.append(
        RejectedRule(revision, why, 1)
    )
    answer = add(api, "(?=x)")
    assert (answer.status_code, answer.json["status"], answer.json["reason"]) == (
        202,
        "rejected",
        why,
    )
    revision = api.get("/revisions/1").json
    assert (revision["state"], revision["reason"]) == ("rejected", f"rule_1: {why}")
    assert api.get("/rules").json["rules"][0]["reason"] == why
    api.plane.pid = 2  # another process loads everything anew
    api.plane.rejected.clear()
    assert api.get("/rules/rule_1").json["status"] == "active"


def test_a_rule_that_is_not_there_though_its_revision_is_in_force_is_no_active_one(
    api: Api,
) -> None:
    add(api, "a")
    add(api, "b")
    api.plane.lacks_rules.add(2)
    found = api.get("/rules").json["rules"]
    assert [(rule["status"], rule["hits"]) for rule in found] == [("active", 0), ("rejected", None)]
    assert api.get("/rules/rule_2").json["reason"] == views.NOT_THERE


def test_a_rule_ends_on_the_boot_clock_and_is_purged(api: Api, clock: FakeClock) -> None:
    add(api, "a", expires_at="2026-09-21T15:13:20Z")
    add(api, "b")
    clock.step_ms(DAY_MS)
    assert api.get("/rules").json["total"] == 2, "a step of the wall clock ends nothing"
    clock.pass_ms(3_600_000)
    assert [rule["id"] for rule in api.get("/rules").json["rules"]] == ["rule_2"]
    assert api.get("/rules").json["total"] == 1
    assert api.get("/rules/rule_1").status_code == 404
    api.node.housekeeper.turn()
    with api.node.database.read() as connection:
        numbers = list(connection.exec_driver_sql("SELECT number FROM rules"))
    assert [tuple(row) for row in numbers] == [(2,)]


def test_after_a_reboot_an_end_has_its_place_on_the_new_clock(api: Api, clock: FakeClock) -> None:
    add(api, expires_at="2026-09-21T15:13:20Z")
    clock.reboot(off_ms=1_800_000, up_ms=10_000)
    again = api.restart()
    try:
        assert again.get("/rules").json["total"] == 1
        again.clock.pass_ms(1_800_000)
        assert again.get("/rules").json["total"] == 0
    finally:
        again.close()


def test_rules_are_in_a_new_generation(api: Api) -> None:
    for number in range(5):
        add(api, f"p{number}", enabled=number != 2)
    api.delete("/rules/rule_4")
    add(api, "gone", expires_at="2026-09-21T14:13:21Z")
    api.clock.pass_ms(2_000)
    api.node.publisher.renew("for the test")
    found = snapshot_rules(api)
    assert [(rule.number, rule.pattern, rule.enabled) for rule in found] == [
        (1, "p0", True),
        (2, "p1", True),
        (3, "p2", False),
        (5, "p4", True),
    ]


def test_without_a_data_plane_rules_are_pending_and_hits_unknown(api: Api) -> None:
    add(api)
    api.plane.away = True
    assert add(api, "other").status_code == 202
    found = api.get("/rules").json["rules"]
    assert [(rule["status"], rule["hits"]) for rule in found] == [("pending", None)] * 2


def test_a_profile_that_the_policy_has_needs_no_warning(api: Api) -> None:
    profile = {"name": "web", "targets": ["192.0.2.0/24"], "rules": []}
    document = {"name": "p", "rules": [], "profiles": [profile]}
    assert api.call("PUT", "/policy", json=document).status_code == 200
    assert "warnings" not in add(api, profiles=["web", "default"]).json
    (warning,) = add(api, profiles=["web", "shop"]).json["warnings"]
    assert "'shop'" in warning


def test_a_rule_that_is_not_in_the_log_is_not_acknowledged_and_comes_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(api, "a")
    disk = BrokenDisk(monkeypatch)
    assert add(api, "b").status_code == 503
    disk.on = False
    api.node.housekeeper.turn()
    assert [rule["pattern"] for rule in api.get("/rules").json["rules"]] == ["a", "b"]
    assert [from_row(change.row).pattern for change in changes(api)] == ["a", "b"]


def test_an_import_that_the_log_did_not_take_comes_later(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(api, "a")
    disk = BrokenDisk(monkeypatch)
    body = '{"pattern": "b", "action": "block"}'
    kind = "application/x-ndjson"
    job = api.call("POST", "/rules/import", data=body, content_type=kind).json
    api.node.jobs.wait()
    job = api.get(f"/rules/jobs/{job['id']}").json
    assert (job["state"], job["revision"]) == ("failed", None)
    assert "not acknowledged" in job["error"]
    disk.on = False
    api.node.housekeeper.turn()
    _, imported = changes(api)
    with StateLogReader(api.settings.state_log).import_entries(imported) as file:
        assert file.rule_count == 1


def test_a_full_disk_during_an_import_is_the_nodes_trouble(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise DiskError(api.settings.state_log, errno.ENOSPC)

    monkeypatch.setattr(api.node.publisher, "commit", full)
    body = '{"pattern": "b", "action": "block"}'
    kind = "application/x-ndjson"
    job = api.call("POST", "/rules/import", data=body, content_type=kind).json
    api.node.jobs.wait()
    job = api.get(f"/rules/jobs/{job['id']}").json
    assert "No space left on device" in job["error"]
    assert "storage" in api.get("/status").json["reasons"]
