"""``secbeat explain``: what it asks of the API and what it prints."""

from __future__ import annotations

from typing import Any

STAGES = ("parse", "profile", "sanity", "owner", "lists", "country", "filter", "limits")
REASON = {"reason": "blacklist", "text": "source is on the blacklist", "mode": "enforce"}


def body(**changes: Any) -> dict[str, Any]:
    return {
        "packet": {
            "source": "198.51.100.7",
            "destination": "203.0.113.10",
            "protocol": "tcp",
            "port": 443,
        },
        "verdict": "forwarded",
        "reason": None,
        "text": None,
        "stage": None,
        "profile": "web",
        "protects_source": None,
        "country": "DE",
        "is_allowed": False,
        "is_neighbor": False,
        "is_inspected": True,
        "stages": [{"stage": each, "outcome": "passed", "findings": []} for each in STAGES],
        "entries": [],
        "entries_found": 0,
        "limits": [],
        "connections": {"proven": 3, "limit": None},
        "syn_proxy": {"mode": "auto", "on": False},
        "attacks": [],
        "overlays": [],
        "other_profiles": [],
        "warnings": [],
    } | changes


ENTRY = {
    "list": "blacklist",
    "ip": "198.51.100.0/24",
    "hits": 12,
    "decides": True,
    "origins": [
        {
            "origin": "manual",
            "reason": "scanner",
            "created_by": "admin",
            "created_at": "2026-01-01T00:00:00.000Z",
            "expires_at": None,
        }
    ],
}


def test_the_first_line_is_the_verdict_and_the_reason(api: Any, secbeat: Any) -> None:
    stages = [{"stage": "lists", "outcome": "dropped", "findings": [REASON]}]
    api.answers_with(
        200,
        body(
            verdict="dropped",
            reason="blacklist",
            text="source is on the blacklist",
            stage="lists",
            stages=stages,
            entries=[ENTRY],
            entries_found=1,
        ),
    )
    done = secbeat("explain", "198.51.100.7", "--to", "203.0.113.10", "--port", "443")
    (request,) = api.requests
    assert (request.method, request.path) == ("GET", "/api/v1/explain")
    assert request.query == {
        "address": "198.51.100.7",
        "to": "203.0.113.10",
        "port": "443",
        "protocol": "tcp",
    }
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0] == (
        "198.51.100.7 -> 203.0.113.10 tcp/443: dropped in lists: "
        "source is on the blacklist (blacklist)"
    )
    assert (
        "entry\tblacklist 198.51.100.0/24, decides, 12 hits: "
        "manual by admin at 2026-01-01T00:00:00.000Z (scanner)"
    ) in lines
    assert ("stage lists\tdropped: source is on the blacklist (blacklist, enforce)") in lines


def test_what_is_only_watched_stands_in_the_first_line(api: Any, secbeat: Any) -> None:
    found = [{**REASON, "mode": "monitor"}]
    api.answers_with(200, body(stages=[{"stage": "lists", "outcome": "passed", "findings": found}]))
    first = secbeat("explain", "198.51.100.7").out.splitlines()[0]
    assert first.endswith("tcp/443: forwarded; in monitor: blacklist")


def test_without_a_destination_other_profiles_are_named(api: Any, secbeat: Any) -> None:
    packet = {"source": "198.51.100.7", "destination": None, "protocol": "icmp", "port": None}
    others = [{"profile": "mail", "verdict": "dropped", "reason": "icmp_limit"}]
    api.answers_with(200, body(packet=packet, other_profiles=others))
    done = secbeat("explain", "198.51.100.7", "--protocol", "icmp")
    assert api.requests[0].query == {"address": "198.51.100.7", "protocol": "icmp"}
    lines = done.out.splitlines()
    assert lines[0] == "198.51.100.7 -> any address of the default profile icmp: forwarded"
    assert "other profile\tmail: dropped (icmp_limit)" in lines


def test_limits_attacks_and_overlays_are_told(api: Any, secbeat: Any) -> None:
    limit = {
        "reason": "rate_source_packets",
        "mode": "enforce",
        "scope": "source",
        "unit": "packets",
        "icmp_only": False,
        "prefix_length": 32,
        "rate": 100,
        "size": 200,
        "room": 150,
        "pays": "now",
        "is_known": True,
    }
    attack = {
        "id": "attack_0123456789abcdef",
        "type": "syn_flood",
        "target": "203.0.113.10",
        "profile": "web",
        "action": "blocked",
        "started_at": "2026-01-01T00:00:00.000Z",
        "is_source": True,
        "is_target": True,
    }
    overlay = {
        "id": "overlay_1",
        "kind": "panic",
        "reason": "shop is down",
        "created_by": "admin",
        "expires_at": "2026-01-01T00:30:00.000Z",
    }
    api.answers_with(200, body(limits=[limit], attacks=[attack], overlays=[overlay]))
    lines = secbeat("explain", "198.51.100.7").out.splitlines()
    assert (
        "limit\trate_source_packets (enforce): 150 of 200 packets left, 100 a second, "
        "source /32; the packet is charged"
    ) in lines
    assert (
        "attack\tattack_0123456789abcdef syn_flood on 203.0.113.10 since "
        "2026-01-01T00:00:00.000Z, blocked: the packet's source and target"
    ) in lines
    assert "overlay\tpanic by admin until 2026-01-01T00:30:00.000Z (shop is down)" in lines


def test_json_is_what_the_api_says(api: Any, secbeat: Any) -> None:
    answer = body(warnings=["3 profiles were not asked: 2 s were over"])
    api.answers_with(200, answer)
    done = secbeat("explain", "198.51.100.7", "--json")
    assert done.json == answer
    assert "3 profiles were not asked" in done.err
