"""``secbeat nodes``, ``threats`` and ``fleet tokens``: what they ask and print."""

from __future__ import annotations

from typing import Any

import pytest

FOLLOWED = {"epoch": "e", "state": "applied", "message": None, "is_newest": True}
NODE = {
    "id": "node-1",
    "uuid": "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002",
    "address": "10.0.1.10:9090",
    "status": "degraded",
    "reasons": ["clock_off"],
    "mode": "l7",
    "load": 0.12,
    "version": "0.1.0",
    "labels": {"site": "fra"},
    "desired": "active",
    "clock_off_ms": 9000,
    "policy": FOLLOWED | {"number": 3, "wanted": 3},
    "lists": FOLLOWED | {"number": 7, "wanted": 9, "is_newest": False},
    "rules": None,
    "drain": None,
    "registered_at": "2026-11-30T00:00:00.000Z",
    "last_seen_at": "2026-11-30T00:00:10.000Z",
    "stats": {"packets_processed": 7},
}
THREATS = {
    "active_threats": 1,
    "top_attackers": [
        {"ip": "192.0.2.50", "attacks": 2, "packets": 8000, "error": 200, "country": "NL"}
    ],
    "attack_types": {"syn_flood": 1},
    "ongoing": 1,
    "window_seconds": 3600,
    "at": "2026-11-30T00:00:10.000Z",
    "threats": [
        {
            "id": "threat_0123456789abcdef",
            "type": "syn_flood",
            "state": "active",
            "nodes": ["node-1", "node-2"],
            "nodes_total": 2,
            "targets": ["203.0.113.10"],
            "targets_total": 1,
            "first_seen_at": "2026-11-30T00:00:00.000Z",
            "last_seen_at": "2026-11-30T00:00:09.000Z",
            "packets": 9000,
        }
    ],
    "total": 1,
    "next_cursor": None,
    "warnings": ["only the newest"],
}


@pytest.fixture(autouse=True)
def _orchestrator(monkeypatch: pytest.MonkeyPatch, api: Any) -> None:
    monkeypatch.setenv("SECBEAT_ORCHESTRATOR", api.url)
    monkeypatch.setenv("ORCHESTRATOR_API_KEY", "k" * 32)
    monkeypatch.setattr("appliance.cli.client.draining.POLL_S", 0)


def test_nodes_are_listed_by_what_is_asked_for(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"nodes": [NODE], "total": 1, "next_cursor": None})
    done = secbeat("nodes", "list", "--status", "degraded", "--labels", "site=fra")
    assert done.code == 0
    asked = api.requests[0]
    assert asked.path == "/api/v1/nodes"
    assert {"status": "degraded", "labels": "site=fra"}.items() <= asked.query.items()
    assert done.out.splitlines()[1].split("\t") == [
        *("node-1", "degraded", "l7", "0.12", "10.0.1.10:9090", "0.1.0"),
        *("2026-11-30T00:00:10.000Z", "behind: lists, rules", "clock_off"),
    ]


def test_a_node_is_shown_field_by_field(api: Any, secbeat: Any) -> None:
    api.answers_with(200, NODE)
    lines = secbeat("nodes", "show", "node-1").out.splitlines()
    assert {"labels\tsite=fra", "packets_processed\t7"} <= set(lines)
    said = {"policy\t3 applied, newest", "lists\t7 applied, wanted: 9", "rules\t-", "drain\t-"}
    assert said <= set(lines)


def test_labels_are_set_and_taken_away(api: Any, secbeat: Any) -> None:
    api.answers_with(200, NODE)
    done = secbeat("nodes", "label", "node-1", "site=fra", "role-")
    assert (api.requests[0].method, api.requests[0].path) == ("PATCH", "/api/v1/nodes/node-1")
    assert api.requests[0].json == {"labels": {"site": "fra", "role": None}}
    assert done.out == "node-1: site=fra\n"


def test_a_label_that_is_none_is_not_sent(api: Any, secbeat: Any) -> None:
    done = secbeat("nodes", "label", "node-1", "site")
    assert done.code == 2
    assert api.requests == []


@pytest.mark.parametrize("verb", ["drain", "resume"])
def test_nodes_drain_and_resume(api: Any, secbeat: Any, verb: str) -> None:
    api.answers_with(200, NODE | {"status": "draining"})
    done = secbeat("nodes", verb, "node-1")
    assert (api.requests[0].method, api.requests[0].path) == (
        "POST",
        f"/api/v1/nodes/node-1/{verb}",
    )
    assert done.out == "node-1: draining\n"


def drained(number: int, connections: int | None, seen: int = 20, **more: Any) -> dict[str, Any]:
    """A node as the orchestrator tells of it some seconds later."""
    return NODE | {
        "status": "draining",
        "reasons": [],
        "desired": "draining",
        "drain": {"epoch": "e", "number": number, "state": "applied", "message": None},
        "last_seen_at": f"2026-11-30T00:00:{seen}.000Z",
        "stats": {"connections_active": connections},
        **more,
    }


def test_a_drain_is_waited_for_until_no_connections_are_left(api: Any, secbeat: Any) -> None:
    api.answers_with(200, drained(1, 0, seen=10))
    api.answers_with(200, drained(1, 0, seen=10))  # said before it was asked for
    api.answers_with(503, {"title": "away", "status": 503})
    api.answers_with(200, drained(0, 0))
    api.answers_with(200, drained(1, 3))
    api.answers_with(200, drained(1, None))
    api.answers_with(200, drained(1, 0))
    done = secbeat("nodes", "drain", "node-1", "--wait", "--json")
    assert done.code == 0, done.err
    assert done.json["stats"] == {"connections_active": 0}
    assert [request.method for request in api.requests] == ["POST"] + ["GET"] * 6
    first, away, *rest = done.err.splitlines()
    assert first == "secbeat: node-1: has not reported its drain"
    assert "away" in away
    assert rest == [
        "secbeat: node-1: drains, 3 connections are left",
        "secbeat: node-1: drains, an unknown number of connections are left",
    ]


def test_a_node_that_says_whether_its_drain_is_complete_is_believed(api: Any, secbeat: Any) -> None:
    left = {"connections_active": 0, "connections_proxied": 2, "drain_complete": 0}
    api.answers_with(200, drained(0, 9, seen=10))
    api.answers_with(200, drained(1, 0, stats=left))
    api.answers_with(
        200, drained(1, 9, stats=left | {"connections_active": 9, "drain_complete": 1})
    )
    done = secbeat("nodes", "drain", "node-1", "--wait")
    assert done.code == 0, done.err
    assert done.err == (
        "secbeat: node-1: drains, 2 proxied connections are left, or packets still arrive\n"
    )


def test_the_end_of_a_drain_is_waited_for_whatever_connections_there_are(
    api: Any, secbeat: Any
) -> None:
    active = {"status": "healthy", "desired": "active"}
    api.answers_with(200, drained(1, 5, seen=10, **active))
    api.answers_with(200, drained(1, 5, **active))
    api.answers_with(200, drained(0, 5, **active))
    done = secbeat("nodes", "resume", "node-1", "--wait")
    assert (done.code, done.out) == (0, "node-1: healthy\n")
    assert done.err == "secbeat: node-1: has not reported the end of its drain\n"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (drained(1, 3), "drains, 3 connections are left"),
        (drained(0, 0, drain=None), "has not reported its drain"),
        (drained(1, 0, status="unreachable", reasons=["silent for 40 s"]), "silent for 40 s"),
    ],
)
def test_a_drain_that_takes_too_long_is_said_with_what_is_left(
    api: Any, secbeat: Any, found: dict[str, Any], why: str
) -> None:
    api.answers_with(200, drained(0, 3, seen=10))
    api.answers_with(200, found)
    done = secbeat("nodes", "drain", "node-1", "--wait", "--timeout", "0.1")
    assert done.code == 75
    assert "node 'node-1' is not drained within 0.1 s" in done.err
    assert why in done.err.splitlines()[-1]


def test_a_drain_that_somebody_has_ended_is_not_waited_for(api: Any, secbeat: Any) -> None:
    api.answers_with(200, drained(0, 3))
    api.answers_with(200, drained(0, 3, desired="active", status="healthy"))
    done = secbeat("nodes", "drain", "node-1", "--wait")
    assert done.code == 1
    assert "another request has set node 'node-1' to active meanwhile" in done.err


def test_nodes_are_deleted_and_may_come_again(api: Any, secbeat: Any) -> None:
    api.answers_with(204, None)
    done = secbeat("nodes", "delete", "node-1", "--allow-again")
    assert api.requests[0].query == {"allow_again": "true"}
    assert done.out == "node node-1 is deleted\n"


def test_threats_and_attackers_are_shown(api: Any, secbeat: Any) -> None:
    api.answers_with(200, THREATS)
    done = secbeat("threats", "--window", "2h")
    assert api.requests[0].query["window"] == "7200"
    lines = done.out.splitlines()
    assert lines[0] == "1 threats, 1 of them go on: syn_flood 1"
    assert lines[2].startswith("syn_flood\tactive\t203.0.113.10\tnode-1 and 1 more\t")
    assert lines[-1] == "192.0.2.50\t2\t8000\t200\tNL"
    assert "only the newest" in done.err


def test_a_token_s_text_is_all_that_stdout_has(api: Any, secbeat: Any) -> None:
    api.answers_with(201, {"id": "0011", "name": "fra", "token": "the text"})
    done = secbeat("fleet", "tokens", "create", "fra", "--uses", "3")
    assert api.requests[0].json == {"name": "fra", "uses_max": 3, "expires_in_seconds": None}
    assert done.out == "the text\n"
