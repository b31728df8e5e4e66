"""``secbeat scale``: what it asks, what it prints, how it exits."""

from __future__ import annotations

from typing import Any

import pytest

JOB = {
    "id": "scale-0011aabb",
    "action": "scale_up",
    "count": 1,
    "nodes": ["scale-0011aabb-1"],
    "state": "queued",
    "error": None,
    "attempt": 0,
    "created_at": "2026-11-30T00:00:00.000Z",
    "created_by": "admin",
    "started_at": None,
    "ended_at": None,
    "cancelled_by": None,
}
NEW = {**JOB, "log": [], "log_cursor": "0"}


def _line(text: str) -> dict[str, str]:
    return {"at": "2026-11-30T00:00:01.000Z", "message": text}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch, api: Any) -> None:
    monkeypatch.setattr("appliance.cli.commands.fleet.scale.POLL_S", 0)
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", api.url)
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", "k" * 32)


def _answers(api: Any, state: str) -> None:
    api.answers_with(202, NEW)
    api.answers_with(200, {**JOB, "state": "running", "log": [_line("one")], "log_cursor": "1"})
    api.answers_with(200, {**JOB, "state": "running", "log": [], "log_cursor": "1"})
    api.answers_with(200, {**JOB, "state": state, "log": [_line(state)], "log_cursor": "2"})
    api.answers_with(200, {**JOB, "state": state, "log": [], "log_cursor": "2"})


def test_the_log_is_shown_until_the_job_has_ended(api: Any, secbeat: Any) -> None:
    _answers(api, "succeeded")
    done = secbeat("scale", "up", "1")
    assert (done.code, api.requests[0].path) == (0, "/api/v1/scale")
    assert api.requests[0].json == {"action": "scale_up", "count": 1}
    assert [request.query.get("cursor") for request in api.requests[1:]] == ["0", "1", "1", "2"]
    assert done.out.splitlines() == [
        "job scale-0011aabb: scale_up 1: scale-0011aabb-1",
        "2026-11-30T00:00:01.000Z\tone",
        "2026-11-30T00:00:01.000Z\tsucceeded",
    ]


def test_a_job_that_fails_exits_with_1(api: Any, secbeat: Any) -> None:
    _answers(api, "failed")
    done = secbeat("scale", "up", "1", "--json")
    assert done.code == 1
    assert [line["message"] for line in done.json["log"]] == ["one", "failed"]


def test_a_job_is_followed_over_a_restart_of_the_orchestrator(api: Any, secbeat: Any) -> None:
    api.answers_with(202, NEW)
    api.answers_with(200, {**JOB, "state": "running", "log": [_line("one")], "log_cursor": "1"})
    api.answers_with(503, {"title": "away", "status": 503})
    api.answers_with(503, b"<html>of a proxy</html>")
    api.answers_with(200, {**JOB, "state": "succeeded", "log": [_line("two")], "log_cursor": "2"})
    api.answers_with(200, {**JOB, "state": "succeeded", "log": [], "log_cursor": "2"})
    done = secbeat("scale", "up", "1", "--json")
    assert done.code == 0, done.err
    assert [line["message"] for line in done.json["log"]] == ["one", "two"]
    assert [request.query.get("cursor") for request in api.requests[1:]] == [*"01112"]
    assert done.err == "secbeat: away (HTTP 503); asking again for at most 300 s\n"


def test_a_job_whose_orchestrator_stays_away_is_named_with_how_to_follow_it(
    api: Any, secbeat: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.cli.commands.fleet.scale.AWAY_S", 0.1)
    api.answers_with(202, NEW)
    api.answers_with(503, {"title": "away", "status": 503})
    done = secbeat("scale", "down", "1")
    assert done.code == 75
    assert "job scale-0011aabb goes on: 'secbeat scale show scale-0011aabb' shows it" in done.err


def test_without_waiting_the_job_is_left_alone(api: Any, secbeat: Any) -> None:
    api.answers_with(202, NEW)
    assert secbeat("scale", "down", "1", "--node", "a", "--no-wait").code == 0
    assert api.requests[0].json == {"action": "scale_down", "count": 1, "nodes": ["a"]}
    assert len(api.requests) == 1


def test_jobs_are_listed(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"jobs": [JOB], "total": 1, "next_cursor": None})
    head, row = secbeat("scale", "jobs").out.splitlines()
    assert head.split("\t")[:2] == ["id", "action"]
    assert row.split("\t")[:2] == ["scale-0011aabb", "scale_up"]


def test_limits_and_nodes_are_shown(api: Any, secbeat: Any) -> None:
    node = {"id": "n", "job": "scale-0011aabb", "state": "active", "made_at": "x"}
    body = {"provider": "lab", "min": 0, "max": 2, "nodes": [node], "running": "scale-0011aabb"}
    api.answers_with(200, body)
    lines = secbeat("scale", "show").out.splitlines()
    assert lines[:2] == ["provider lab; 0 to 2 nodes", "job scale-0011aabb is at work"]
    assert lines[3] == "n\tactive\tscale-0011aabb\tx"


def test_a_job_is_cancelled(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**JOB, "state": "running"})
    done = secbeat("scale", "cancel", "scale-0011aabb")
    assert api.requests[0].path == "/api/v1/scale/jobs/scale-0011aabb/cancel"
    assert "ends soon" in done.out
