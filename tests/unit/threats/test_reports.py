"""What is taken of a heartbeat and of the attacks in it, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from api.orchestrator.nodes.schemas import Heartbeat
from api.orchestrator.threats.reports import ReportedIncident

HEARTBEAT = {
    "boot_id": "b1",
    "at": "2026-11-30T00:00:00Z",
    "mode": "l7",
    "health": "healthy",
    "load": 0.12,
    "version": "0.1.0",
    "address": "10.0.1.10:9090",
}
SOURCE = {"address": "192.0.2.1", "country": "NL", "packets": 1, "error": 0}
INCIDENT = {
    "id": "attack_0123456789abcdef",
    "type": "syn_flood",
    "target_kind": "prefix",
    "target": "203.0.113.0/24",
    "profile": "web",
    "state": "active",
    "action": "blocked",
    "started_at": "2026-11-30T00:00:00Z",
    "updated_at": "2026-11-30T00:00:01Z",
    "ended_at": None,
    "peak": {"packets_per_second": 5000, "bits_per_second": 10**6},
    "totals": {"packets": 9000, "dropped": 8800},
    "sources": {"top": [SOURCE], "distinct": 7, "spoofed": False},
}


@pytest.mark.parametrize(
    "lie",
    [
        {"load": 2.0},
        {"load": float("nan")},
        {"stats": {"a": 10**40}},
        {"stats": {"a": float("inf")}},
        {"stats": {str(each): 1 for each in range(65)}},
        {"reasons": ["x" * 201]},
        {"reasons": ["x"] * 33},
        {"reasons": ["\x00"]},
        {"boot_id": "\x00"},
        {"at": "9999999"},
        {"applied": {"policy": {"number": -1}}},
        {"applied": {"policy": {"message": "\x00"}}},
        {"applied": {"kernel": {"number": 1}}},
        {"address": "x" * 256},
        {"incidents": [INCIDENT] * 101},
        {"desired": "draining"},
    ],
)
def test_a_heartbeat_out_of_bounds_is_none(lie: dict[str, Any]) -> None:
    Heartbeat.model_validate_json(json.dumps(HEARTBEAT))
    with pytest.raises(ValidationError):
        Heartbeat.model_validate_json(json.dumps(HEARTBEAT | lie))


@pytest.mark.parametrize(
    "lie",
    [
        {"id": "attack_1"},
        {"type": "x" * 100},
        {"type": "SYN flood"},
        {"target": "no address"},
        {"target": "203.0.113.1/24"},
        {"target": "a" * 1000},
        {"started_at": "yesterday"},
        {"state": "ended"},
        {"ended_at": "2026-11-30T00:00:00Z"},
        {"totals": {"packets": -1, "dropped": 0}},
        {"totals": {"packets": 10**30, "dropped": 0}},
        {"peak": None},
        {"sources": {"top": [], "distinct": 0}},
        {"sources": {"top": [SOURCE | {"address": "nobody"}], "distinct": 0, "spoofed": False}},
        {"sources": {"top": [SOURCE] * 65, "distinct": 0, "spoofed": False}},
    ],
)
def test_an_incident_out_of_bounds_is_none(lie: dict[str, Any]) -> None:
    ReportedIncident.model_validate_json(json.dumps(INCIDENT))
    with pytest.raises(ValidationError):
        ReportedIncident.model_validate_json(json.dumps(INCIDENT | lie))


def test_what_a_newer_node_says_beside_is_passed_over() -> None:
    newer = INCIDENT | {"mood": "bad", "sources": INCIDENT["sources"] | {"hats": ["black"]}}  # type: ignore[operator]
    assert ReportedIncident.model_validate_json(json.dumps(newer)).id == INCIDENT["id"]
