"""Imports of rules: one job, with progress, whole or not at all."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from sqlalchemy import select

from api.management.database.tables import rules_staged
from api.management.rules import jobs, rows, service
from api.rules import lines
from appliance.cli.commands.rules.rule_files import exported
from dataplane.client.compiler import Admission
from dataplane.statelog import Import, StateLogReader
from dataplane.waf.document import Rule, from_row

from ..conftest import Api

TYPE = "application/x-ndjson"


def send(api: Api, *rules: dict[str, Any] | str, query: str = "", **rest: Any) -> Any:
    body = "\n".join(rule if isinstance(rule, str) else json.dumps(rule) for rule in rules)
    rest.setdefault("content_type", TYPE)
    return api.call("POST", f"/rules/import{query}", data=body, **rest)


def bring(api: Api, *rules: dict[str, Any] | str, query: str = "") -> Any:
    """Import, and what the job says at its end."""
    answer = send(api, *rules, query=query)
    assert answer.status_code == 202, answer.json
    api.node.jobs.wait()
    return api.get(f"/rules/jobs/{answer.json['id']}").json


def block(pattern: str, **rest: Any) -> dict[str, Any]:
    return {"pattern": pattern, "action": "block", **rest}


def total(api: Api) -> int:
    return int(api.get("/rules").json["total"])


def staged(api: Api) -> list[int]:
    with api.node.database.read() as connection:
        return list(connection.execute(select(rules_staged.c.number)).scalars())


def imported(api: Api) -> list[Rule]:
    """What the newest import in the log brings."""
    reader = StateLogReader(api.settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        found = [change for line in log.lines() for change in line.changes]
    (change,) = [each for each in found if isinstance(each, Import)]
    with reader.import_entries(change) as file:
        assert [list(file.check()), list(file.chunks())][1] == []
        return [from_row(row) for chunk in file.rule_chunks() for row in chunk]


def test_a_job_has_progress_and_ends_with_a_revision(api: Api) -> None:
    api.post("/rules", block("first"))
    answer = send(api, block("a", severity="low"), "", block("b", targets=["path"]))
    assert answer.status_code == 202
    job = answer.json
    assert answer.headers["Location"] == f"/api/v1/rules/jobs/{job['id']}"
    assert (job["lines"], job["revision"]) == (2, None)
    api.node.jobs.wait()
    assert api.get(f"/rules/jobs/{job['id']}").json == {
        **job,
        "state": "done",
        "checked": 2,
        "added": 2,
        "revision": 2,
    }
    found = api.get("/rules").json["rules"]
    assert [(rule["id"], rule["pattern"], rule["revision"]) for rule in found] == [
        ("rule_1", "first", 1),
        ("rule_2", "a", 2),
        ("rule_3", "b", 2),
    ]
    assert api.post("/rules", block("last")).json["id"] == "rule_4"


def test_an_import_is_one_file_one_line_and_one_audit_row(api: Api) -> None:
    audited = api.get("/audit").json["total"]
    bring(api, block("a"), block("b", expires_at="2026-09-22T00:00:00Z", enabled=False))
    one, two = imported(api)
    assert (one.number, one.pattern, one.deadline) == (1, "a", None)
    assert (two.number, two.enabled, two.deadline is None) == (2, False, False)
    audit = api.get("/audit").json
    assert audit["total"] == audited + 1
    row = audit["audit"][0]
    assert (row["action"], row["target"]) == ("rules.import", "2 rules")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ("{", "line 2"),
        ('"x"', "line 2"),
        ('{"pattern":"x"}', "line 2"),
        ('{"pattern":"","action":"block"}', "line 2"),
        ('{"pattern":"x","action":"challenge"}', "line 2"),
        ('{"pattern":"x","action":"block","hits":7}', "line 2"),
        ('{"pattern":"x","action":"block","expires_at":"2020-01-01T00:00:00Z"}', "line 2"),
        ('{"pattern":"' + "x" * 70_000 + '","action":"block"}', "line 2"),
    ],
)
def test_a_bad_line_refuses_all_before_a_job_begins(api: Api, body: str, field: str) -> None:
    answer = send(api, block("a"), body)
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], bool(error["limit"])) == (field, True)
    assert "line 2" in answer.json["detail"]
    assert total(api) == 0


def test_another_kind_of_body_is_415(api: Api) -> None:
    assert send(api, block("a"), content_type="application/json").status_code == 415


def test_refused_patterns_refuse_all_and_are_listed(api: Api) -> None:
    api.compiler.refuses["bad"] = Admission("look-ahead is not supported", 3)
    job = bring(api, block("a"), block("bad"), block("b"), block("bad"))
    assert (job["state"], job["revision"], job["added"], job["refused"]) == ("failed", None, 0, 2)
    assert job["error"] == "2 of 4 patterns can't be rules"
    assert job["refused_lines"] == [
        {"line": n, "pattern": "bad", "why": "look-ahead is not supported (at position 3)"}
        for n in (2, 4)
    ]
    assert total(api) == 0
    assert api.get("/status").json["revision"]["committed"] == 0


def test_refused_patterns_are_left_out_when_asked(api: Api) -> None:
    api.compiler.refuses["bad"] = Admission("too dear")
    job = bring(api, block("a"), block("bad"), query="?on_refused=skip")
    assert (job["state"], job["added"], job["refused"]) == ("done", 1, 1)
    assert [rule["pattern"] for rule in api.get("/rules").json["rules"]] == ["a"]
    nothing = bring(api, block("bad"), query="?on_refused=skip")
    assert (nothing["state"], nothing["revision"]) == ("done", None)


def test_at_most_a_hundred_refused_lines_are_listed(api: Api) -> None:
    api.compiler.refuses["bad"] = Admission("too dear")
    job = bring(api, *[block("bad")] * 150)
    assert (job["refused"], len(job["refused_lines"])) == (150, 100)


def test_without_a_compile_helper_they_are_committed_untried(api: Api) -> None:
    api.compiler.away = True
    job = bring(api, *[block(f"p{n}") for n in range(250)])
    assert (job["state"], job["added"], job["checked"]) == ("done", 250, 250)
    assert len(job["warnings"]) == 1


def test_one_at_a_time_and_progress_can_be_seen(api: Api, monkeypatch: Any) -> None:
    reached, go_on = threading.Event(), threading.Event()
    admit = api.compiler.admit

    def slow(candidates: Any) -> Any:
        if len(api.compiler.asked) >= 100:
            reached.set()
            assert go_on.wait(60)
        return admit(candidates)

    monkeypatch.setattr(api.compiler, "admit", slow)
    job = send(api, *[block(f"p{n}") for n in range(150)]).json
    assert reached.wait(60)
    seen = api.get(f"/rules/jobs/{job['id']}").json
    assert (seen["state"], seen["checked"], seen["lines"]) == ("checking", 100, 150)
    refused = send(api, block("x"))
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) >= 1
    assert api.ban("192.0.2.1").status_code == 201, "bans go on"
    go_on.set()
    api.node.jobs.wait()
    assert bring(api, block("x"))["state"] == "done"


def test_a_stop_before_the_commit_changes_nothing(api: Api, monkeypatch: Any) -> None:
    admit = api.compiler.admit

    def stopping(candidates: Any) -> Any:
        api.node.jobs._stop.set()
        return admit(candidates)

    monkeypatch.setattr(api.compiler, "admit", stopping)
    job = bring(api, *[block(f"p{n}") for n in range(150)])
    assert (job["state"], job["checked"]) == ("failed", 100)
    assert total(api) == 0


def test_what_fails_at_the_commit_leaves_nothing(api: Api, monkeypatch: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(rows, "add_staged", lambda *_: 1 / 0)
        job = bring(api, block("a"))
    assert job["state"] == "failed"
    assert "log has the details" in job["error"]
    assert total(api) == 0
    assert staged(api) == []
    assert list(api.settings.state_log.glob("import-*")) == []
    assert bring(api, block("a"))["state"] == "done"


def test_what_a_crash_left_of_an_import_is_not_in_the_next(api: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "STAGED_AT_ONCE", 2)
    bring(api, *[block(f"p{n}") for n in range(5)])
    with api.node.database.write() as connection:
        row = rows.prepare({**dict.fromkeys(rows._WITHOUT_REVISION), "number": 77})
        rows.stage(connection, [row])
    assert bring(api, block("q"))["state"] == "done"
    found = api.get("/rules").json["rules"]
    assert [each["pattern"] for each in found] == ["p0", "p1", "p2", "p3", "p4", "q"]
    assert staged(api) == []


def test_there_is_room_or_all_are_refused(api: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(service, "RULES_MAX", 2)
    api.post("/rules", block("a"))
    answer = send(api, block("b"), block("c"))
    assert (answer.status_code, answer.json["errors"][0]["limit"]) == (409, "2 rules")
    monkeypatch.setattr(lines, "RULES_MAX", 2)
    answer = send(api, block("b"), block("c"), block("d"))
    assert (answer.status_code, answer.json["errors"][0]["limit"]) == (422, "2 rules")
    assert bring(api, block("b"))["state"] == "done"


def test_a_repeated_request_begins_no_second_job(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    first = send(api, block("a"), headers=headers)
    api.node.jobs.wait()
    again = send(api, block("a"), headers=headers)
    assert (again.status_code, again.json["id"]) == (202, first.json["id"])
    assert total(api) == 1


def test_jobs_that_are_long_over_are_forgotten(api: Api, monkeypatch: Any) -> None:
    monkeypatch.setattr(jobs, "JOBS_KEPT", 2)
    ids = [bring(api, block(f"p{n}"))["id"] for n in range(3)]
    found = [api.get(f"/rules/jobs/{each}").status_code for each in ids]
    assert found == [404, 200, 200]
    assert "audit trail" in api.get(f"/rules/jobs/{ids[0]}").json["detail"]


def test_an_imported_rule_can_be_changed_and_removed(api: Api) -> None:
    bring(api, block("a"), block("b"))
    answer = api.call("PATCH", "/rules/rule_1", json={"action": "log"})
    assert (answer.status_code, answer.json["revision"]) == (200, 2)
    assert api.delete("/rules/rule_2").status_code == 204


def test_fifty_thousand_rules_keep_no_ban_waiting(api: Api) -> None:
    """No time is asserted: how long bans took is printed."""
    count = 50_000
    many = [block(f"pattern of attack number {n}", severity="low") for n in range(count)]
    api.compiler.away = True
    job = send(api, *many).json
    waits = []
    while api.get(f"/rules/jobs/{job['id']}").json["state"] in ("checking", "committing"):
        began = time.monotonic()
        assert api.ban("192.0.2.1").status_code in (200, 201)
        waits.append(time.monotonic() - began)
    print(f"bans beside the import: {len(waits)}, slowest {max(waits, default=0):.3f} s")
    assert total(api) == count
    assert api.post("/rules", block("one more")).status_code == 409
    began = time.monotonic()
    api.node.publisher.renew("for the test")
    print(f"a generation of {count} rules: {time.monotonic() - began:.2f} s")
    reader = StateLogReader(api.settings.state_log)
    with reader.snapshot(reader.generations()[0]) as snapshot:
        assert snapshot.rule_count == count


def test_what_the_command_exports_is_what_an_import_takes(api: Api) -> None:
    rule = block(
        "a", name="n", group="xss", targets=["path", "header:host"], profiles=["web"], enabled=False
    )
    bring(api, {**rule, "severity": "low", "expires_at": "2027-01-01T00:00:00Z"}, block("b"))
    before = api.get("/rules").json["rules"]
    job = bring(api, *map(exported, before))
    assert job["state"] == "done", job
    after = api.get("/rules").json["rules"][2:]
    own = ("id", "revision")
    assert [{k: v for k, v in each.items() if k not in own} for each in after] == [
        {k: v for k, v in each.items() if k not in own} for each in before
    ]


def test_every_bad_line_is_named_a_hundred_at_most(api: Api) -> None:
    wrong = [
        '\ufeff{"pattern":"a","action":"blok"}',
        '{"patern":"a","action":"block"}',
        "",
        "not json",
        '{"pattern":"a","pattern":"b","action":"block"}',
        '{"pattern":"a","action":"block","expires_at":"2020-01-01T00:00:00Z"}',
        '{"pattern":"' + "x" * 200_000 + '","action":"block"}',
    ]
    answer = send(api, block("a"), *wrong, block("b"))
    assert answer.status_code == 422
    found = {each["field"]: each["message"] for each in answer.json["errors"]}
    assert list(found) == [f"line {number}" for number in (2, 3, 5, 6, 7, 8)]
    assert found["line 2"] == "line 2: action: Input should be 'block' or 'log'"
    assert found["line 3"].endswith("patern: no such field; did you mean 'pattern'?")
    assert found["line 5"].startswith("line 5: the line is not JSON: ")
    assert found["line 6"] == "line 6: pattern: occurs more than once; each name once in an object"
    assert (total(api), staged(api)) == (0, [])
    many = send(api, *["{}"] * 150).json
    assert many["detail"] == "150 mistakes, of which the first 100 are named"
    assert len(many["errors"]) == 100


def test_lines_beyond_the_limit_are_not_read(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "RULES_MAX", 2)
    found = send(api, "{}", block("a"), block("b"), "{}").json["errors"]
    assert [each["field"] for each in found] == ["line 1", "line 3"]
    assert "one rule too many" in found[1]["message"]
