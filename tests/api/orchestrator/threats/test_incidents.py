"""Incidents are kept within bounds."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from api.orchestrator.app import orchestrator_of
from api.orchestrator.database.tables.incidents import incidents
from api.orchestrator.threats import incidents as keeping
from api.orchestrator.threats.incidents import Retention

DAY_MS = 86_400_000
NOW_MS = 1_790_000_000_000


def _row(number: int, last_ms: int) -> dict[str, object]:
    return {
        "node": "node-1",
        "id": f"attack_{number:016x}",
        "type": "syn_flood",
        "target_kind": "profile",
        "target": "web",
        "profile": "web",
        "action": "blocked",
        "is_active": False,
        "started_ms": last_ms,
        "last_ms": last_ms,
        "version_ms": last_ms,
        "spoofed": False,
        "packets": 1,
        "dropped": 1,
        "peak_pps": 1,
        "peak_bps": 1,
        "distinct_sources": 0,
        "sources": [],
    }


def _left(fleet: Flask, rows: list[dict[str, object]], kept: Retention) -> int:
    database = orchestrator_of(fleet).database
    with database.write() as connection:
        connection.execute(insert(incidents), rows)
    gone = keeping.purge(database, NOW_MS, kept)
    with database.read() as connection:
        left = connection.execute(select(func.count()).select_from(incidents)).scalar_one()
    assert left == len(rows) - gone
    return left


def test_incidents_are_kept_for_thirteen_months(fleet: Flask) -> None:
    old, young = NOW_MS - 397 * DAY_MS, NOW_MS - 395 * DAY_MS
    assert _left(fleet, [_row(1, old), _row(2, young)], Retention()) == 1


def test_of_too_many_the_newest_stay(fleet: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_CHUNK", 3)
    assert (
        _left(fleet, [_row(each, NOW_MS - each) for each in range(20)], Retention(rows_max=7)) == 7
    )
