"""``secbeat rules``: what it asks of the API and what it prints."""

from __future__ import annotations

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.commands.rules import rule_files
from tests.support.special_files import KINDS, is_kind, make_special

RULE = {
    "id": "rule_17",
    "name": None,
    "group": "xss",
    "pattern": "(?i)union.*select",
    "action": "block",
    "severity": "high",
    "targets": ["any"],
    "profiles": [],
    "enabled": True,
    "status": "active",
    "created_at": "2026-01-01T00:00:00.000Z",
    "created_by": "admin",
    "expires_at": None,
    "hits": 3,
    "revision": 7,
    "state": "in_force",
    "reason": None,
}
EXPORTED = {name: RULE[name] for name in ("pattern", "action", "severity", "group")}


def test_add_posts_what_was_given_and_nothing_else(api: Any, secbeat: Any) -> None:
    api.answers_with(201, RULE)
    done = secbeat("rules", "add", "(?i)union.*select", "--action", "block", "--severity", "high")
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/api/v1/rules")
    assert request.json == {"pattern": "(?i)union.*select", "action": "block", "severity": "high"}
    assert (done.code, done.out) == (0, "rule_17 is added: in force (revision 7)\n")


def test_add_with_everything(api: Any, secbeat: Any) -> None:
    api.answers_with(201, RULE)
    more = (
        "--name",
        "sqli",
        "--group",
        "xss",
        "--target",
        "query",
        "--target",
        "body",
        "--profile",
        "web",
    )
    done = secbeat(
        *("rules", "add", "x", "--action", "log", *more, "--duration", "2h", "--disabled", "--json")
    )
    sent = api.requests[0].json
    ends = datetime.fromisoformat(sent.pop("expires_at"))
    assert ends.tzinfo is not None
    assert sent == {
        "pattern": "x",
        "action": "log",
        "name": "sqli",
        "group": "xss",
        "targets": ["query", "body"],
        "profiles": ["web"],
        "enabled": False,
    }
    assert done.json == RULE


def test_add_needs_an_action(api: Any, secbeat: Any) -> None:
    assert secbeat("rules", "add", "x").code == 2
    assert secbeat("rules", "add", "x", "--action", "challenge").code == 2
    assert api.requests == []


def test_pending_and_warnings_are_said(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**RULE, "state": "pending", "warnings": ["not tried"]})
    done = secbeat("rules", "add", "x", "--action", "block")
    assert "pending: committed" in done.out
    assert done.err == "secbeat: warning: not tried\n"


def test_a_refused_pattern_is_named(api: Any, secbeat: Any) -> None:
    error = {
        "field": "pattern",
        "value": "(?=x)",
        "limit": "a pattern that the engine compiles",
        "message": "pattern: look-ahead is not supported (at position 0)",
    }
    api.answers_with(422, {"title": "x", "status": 422, "detail": "x", "errors": [error]})
    done = secbeat("rules", "add", "(?=x)", "--action", "block")
    assert done.code == 1
    assert "look-ahead is not supported (at position 0)" in done.err


def test_list_is_a_table_or_json(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"rules": [RULE], "total": 50_000, "next_cursor": "17"})
    done = secbeat("rules", "list", "--limit", "1")
    assert api.requests[0].query == {"limit": "1"}
    header, row = done.out.splitlines()
    assert header.split("\t") == [
        *("id", "status", "action", "severity", "hits", "group", "targets", "expires_at", "name"),
        "pattern",
    ]
    assert row.split("\t") == [
        *("rule_17", "active", "block", "high", "3", "xss", "any", "-", "-", "(?i)union.*select")
    ]
    assert "1 of 50000 shown" in done.err
    assert secbeat("rules", "list", "--json").json["rules"] == [RULE]


def test_all_follows_the_pages(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"rules": [RULE], "total": 2, "next_cursor": "17"})
    api.answers_with(200, {"rules": [{**RULE, "id": "rule_18"}], "total": 2, "next_cursor": None})
    done = secbeat("rules", "list", "--all")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["id", "rule_17", "rule_18"]
    assert api.requests[1].query["cursor"] == "17"


def test_show_has_every_field(api: Any, secbeat: Any) -> None:
    api.answers_with(200, RULE)
    done = secbeat("rules", "show", "rule_17")
    assert api.requests[0].path == "/api/v1/rules/rule_17"
    assert [line.split("\t")[0] for line in done.out.splitlines()[1:]] == list(RULE)
    assert secbeat("rules", "show", "rule_17", "--json").json == RULE


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (("--disable",), {"enabled": False}),
        (("--enable", "--action", "log"), {"enabled": True, "action": "log"}),
        (("--group", "xss"), {"group": "xss"}),
        (("--group", ""), {"group": None}),
    ],
)
def test_set_patches(api: Any, secbeat: Any, options: tuple[str, ...], body: Any) -> None:
    api.answers_with(200, {**RULE, "enabled": False})
    done = secbeat("rules", "set", "rule_17", *options)
    (request,) = api.requests
    assert (request.method, request.path) == ("PATCH", "/api/v1/rules/rule_17")
    assert request.json == body
    assert done.out == "rule_17 has action block and is off: in force (revision 7)\n"


def test_set_without_a_change_is_refused(api: Any, secbeat: Any) -> None:
    assert secbeat("rules", "set", "rule_17").code == 2
    assert api.requests == []


def test_delete_in_force_and_pending(api: Any, secbeat: Any) -> None:
    api.answers_with(204)
    assert secbeat("rules", "delete", "rule_17").out == "rule_17 is removed: in force\n"
    assert api.requests[0].path == "/api/v1/rules/rule_17"
    api.answers[:] = []
    api.answers_with(202, None, Location="/api/v1/revisions/9")
    done = secbeat("rules", "delete", "rule_17", "--json")
    assert done.json == {"id": "rule_17", "state": "pending", "revision": 9}


JOB = {
    "id": "0123456789abcdef",
    "state": "checking",
    "lines": 3,
    "checked": 0,
    "added": 0,
    "refused": 0,
    "refused_lines": [],
    "revision": None,
    "error": None,
    "warnings": [],
    "created_at": "2026-01-01T00:00:00.000Z",
}
DONE = {**JOB, "state": "done", "checked": 3, "added": 3, "revision": 9}


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_files, "POLL_S", 0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "rules.ndjson"
    path.write_text('{"pattern":"x","action":"block"}\n')
    return path


def test_import_follows_the_job_to_its_end(api: Any, secbeat: Any, source: Path) -> None:
    api.answers_with(202, JOB)
    api.answers_with(200, {**JOB, "checked": 2})
    api.answers_with(200, DONE)
    api.answers_with(200, {"revision": 9, "state": "in_force"})
    done = secbeat("rules", "import", source)
    sent, *polls = api.requests
    assert (sent.method, sent.path) == ("POST", "/api/v1/rules/import")
    assert (sent.body, sent.query) == (source.read_bytes(), {"on_refused": "fail"})
    assert sent.headers["Content-Type"] == "application/x-ndjson"
    assert [request.path for request in polls] == [
        *["/api/v1/rules/jobs/0123456789abcdef"] * 2,
        "/api/v1/revisions/9",
    ]
    assert (done.code, done.out) == (0, "3 rules are added: in force (revision 9)\n")


def test_import_waits_when_asked(api: Any, secbeat: Any, source: Path) -> None:
    api.answers_with(202, DONE)
    for state in ("pending", "pending", "in_force"):
        api.answers_with(200, {"revision": 9, "state": state})
    done = secbeat("rules", "import", source, "--wait", "--json")
    assert done.json == {**DONE, "state": "in_force"}
    assert len(api.requests) == 4


def test_import_that_is_refused_lists_the_lines(api: Any, secbeat: Any, source: Path) -> None:
    why = [{"line": 2, "pattern": "(?=x)", "why": "look-ahead (at position 0)"}]
    failed = {**JOB, "state": "failed", "error": "1 of 3 patterns can't be rules"}
    api.answers_with(202, {**failed, "refused": 1, "refused_lines": why})
    done = secbeat("rules", "import", source)
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        "secbeat: line 2: (?=x): look-ahead (at position 0)",
        "secbeat: no rule is added: 1 of 3 patterns can't be rules",
    ]


def test_import_that_has_bad_lines_names_each(api: Any, secbeat: Any, source: Path) -> None:
    why = {2: "action: Input should be 'block' or 'log'", 3: "patern: no such field"}
    errors = [
        {"field": f"line {line}", "value": None, "limit": text, "message": f"line {line}: {text}"}
        for line, text in why.items()
    ]
    detail = "; ".join(str(each["message"]) for each in errors)
    api.answers_with(422, {"detail": detail, "errors": errors})
    done = secbeat("rules", "import", source)
    assert done.code == 1
    assert [line.removeprefix("secbeat: ") for line in done.err.splitlines()] == [
        f"line {line}: {text}" for line, text in why.items()
    ]


def test_import_says_what_was_left_out(api: Any, secbeat: Any, source: Path) -> None:
    why = [{"line": 2, "pattern": "(?=x)", "why": "look-ahead"}]
    api.answers_with(202, {**DONE, "added": 2, "refused": 1, "refused_lines": why})
    api.answers_with(200, {"revision": 9, "state": "in_force"})
    done = secbeat("rules", "import", source, "--on-refused", "skip")
    assert api.requests[0].query == {"on_refused": "skip"}
    assert done.out == "2 rules are added, 1 refused: in force (revision 9)\n"
    api.answers[:] = []
    api.answers_with(202, {**DONE, "added": 0, "revision": None})
    assert secbeat("rules", "import", source).out == "0 rules are added: nothing is changed\n"


def test_export_writes_what_import_reads(api: Any, secbeat: Any, tmp_path: Path) -> None:
    other = {**RULE, "name": "n", "targets": ["path"], "enabled": False, "profiles": ["web"]}
    other |= {"expires_at": "2027-01-01T00:00:00.000Z"}
    api.answers_with(200, {"rules": [RULE], "total": 2, "next_cursor": "17"})
    api.answers_with(200, {"rules": [other], "total": 2, "next_cursor": None})
    target = tmp_path / "all.ndjson"
    done = secbeat("rules", "export", target)
    assert done.out == f"2 rules are in {target}\n"
    one, two = map(json.loads, target.read_text().splitlines())
    assert one == EXPORTED
    assert two == {
        **one,
        "name": "n",
        "targets": ["path"],
        "profiles": ["web"],
        "enabled": False,
        "expires_at": "2027-01-01T00:00:00.000Z",
    }
    assert list(tmp_path.iterdir()) == [target]


def test_export_goes_to_stdout(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"rules": [RULE], "total": 1, "next_cursor": None})
    done = secbeat("rules", "export")
    assert done.json == EXPORTED
    assert secbeat("rules", "export", "--json").code == 2


def test_an_export_that_fails_leaves_no_file(api: Any, secbeat: Any, tmp_path: Path) -> None:
    api.answers_with(200, {"rules": [RULE], "total": 2, "next_cursor": "17"})
    api.answers_with(500, {"title": "x", "status": 500, "detail": "x"})
    target = tmp_path / "all.ndjson"
    target.write_text("before")
    assert secbeat("rules", "export", target).code == 70
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
    assert secbeat("rules", "export", tmp_path / "none" / "x").code == 2


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_to_a_device_or_fifo_is_written_to_it(
    kind: str, api: Any, secbeat: Any, tmp_path: Path
) -> None:
    api.answers_with(200, {"rules": [RULE], "total": 1, "next_cursor": None})
    target = tmp_path / "special"
    make_special(target, kind)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert secbeat("rules", "export", target).out == f"1 rules are in {target}\n"
        written = os.read(reader, 65_536)
    finally:
        os.close(reader)
    assert is_kind(target, kind)
    assert list(tmp_path.iterdir()) == [target]
    if kind == "FIFO":
        assert json.loads(written) == EXPORTED


def test_an_export_follows_a_link(api: Any, secbeat: Any, tmp_path: Path) -> None:
    api.answers_with(200, {"rules": [RULE], "total": 1, "next_cursor": None})
    link, target = tmp_path / "link", tmp_path / "folder" / "rules.ndjson"
    target.parent.mkdir()
    link.symlink_to(target)
    assert secbeat("rules", "export", link).code == 0
    assert link.readlink() == target
    assert json.loads(target.read_text()) == EXPORTED


def test_evidence_is_asked_for_one_rule_or_all(api: Any, secbeat: Any) -> None:
    hit = {
        "at": "2026-01-01T00:00:00.000Z",
        "rule": "rule_17",
        "action": "block",
        "mode": "enforce",
        "incident": None,
        "client": "192.0.2.7",
        "client_port": 1,
        "host": "198.51.100.1",
        "port": 80,
        "profile": "web",
        "target": "query",
        "request_line": "GET /\x1b[2J HTTP/1.1",
        "excerpt": "x",
    }
    api.answers_with(200, {"evidence": [hit]})
    done = secbeat("rules", "evidence", "rule_17", "--limit", "5")
    assert api.requests[0].query == {"limit": "5", "rule": "rule_17"}
    _, row = done.out.splitlines()
    assert row.split("\t")[-2] == "GET /\\x1b[2J HTTP/1.1"
    assert secbeat("rules", "evidence", "--json").json == {"evidence": [hit]}
    assert api.requests[1].query == {"limit": "20"}
