"""Status, statistics, health."""

from __future__ import annotations

import sqlite3

import pytest

from dataplane.stats import CountriesStats

from .conftest import Api


def test_status_has_the_contracts_fields_and_those_beside_them(api: Api) -> None:
    api.ban("192.0.2.1")
    body = api.get("/status").json
    assert body == {
        "status": "running",
        "mode": "tcp",
        "mode_configured": "auto",
        "uptime_seconds": 12,
        "connections": {"active": 7, "total": 9},
        "health": "healthy",
        "reasons": [],
        "revision": {"committed": 1, "applied": 1},
        "database_id": str(api.node.publisher.database_id),
        "countries": None,
        "version": body["version"],
    }


@pytest.mark.parametrize("state", ["starting", "running", "draining"])
def test_status_is_the_data_planes_state(api: Api, state: str) -> None:
    api.plane.state = state
    assert api.get("/status").json["status"] == state


def test_a_degraded_data_plane_says_why(api: Api) -> None:
    api.plane.degraded = ("state_log",)
    body = api.get("/status").json
    assert (body["status"], body["health"], body["reasons"]) == (
        "degraded",
        "degraded",
        ["state_log"],
    )


def test_without_a_data_plane_status_is_degraded_and_stats_503(api: Api) -> None:
    api.plane.away = True
    status = api.get("/status")
    assert status.status_code == 200
    assert (status.json["status"], status.json["health"]) == ("degraded", "unhealthy")
    assert status.json["reasons"] == ["dataplane_away"]
    stats = api.get("/stats")
    assert stats.status_code == 503
    assert stats.content_type == "application/problem+json"
    assert int(stats.headers["Retry-After"]) >= 1


def test_stats_have_the_contracts_fields_with_null_where_there_is_no_such_part(api: Api) -> None:
    body = api.get("/stats").json
    assert body["packets_processed"] == 10
    assert body["packets_dropped"] == 3
    assert body["dropped_by_reason"] == {"blacklist": 3}
    assert body["would_drop_by_reason"] == {"land": 2}
    assert body["attacks_blocked"] is None
    assert body["requests_per_second"] is None
    assert body["latency_ms"] == pytest.approx(0.0042)
    assert body["latency_of"] == "packet"
    assert body["cpu_percent"] == 12.5
    assert body["memory_mb"] == 100.0
    assert body["ports"]["outside"]["forwarded"] == 7


def test_live_needs_nothing_and_no_key(api: Api) -> None:
    api.plane.away = True
    assert api.get("/health/live", key=None).status_code == 200


def test_ready_needs_database_and_data_plane(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert api.get("/health/ready", key=None).json == {"status": "ready"}
    api.plane.away = True
    answer = api.get("/health/ready", key=None)
    assert answer.status_code == 503
    assert [each["field"] for each in answer.json["errors"]] == ["dataplane"]
    api.plane.away = False

    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(api.node.database, "check_writable", fail)
    answer = api.get("/health/ready", key=None)
    assert [each["field"] for each in answer.json["errors"]] == ["database"]


def test_a_turn_of_housekeeping_that_fails_ends_nothing(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(api.plane, "stats", lambda: 1 / 0)
        api.node.housekeeper.turn()
    api.node.housekeeper.turn()
    assert api.node.housekeeper.works()


def test_status_has_the_date_of_the_country_database(api: Api) -> None:
    assert api.get("/status").json["countries"] is None
    api.plane.countries = CountriesStats(1_782_362_039, 390_000, 300_000, 8_000_000)
    assert api.get("/status").json["countries"] == {
        "date": "2026-06-25T04:33:59.000Z",
        "ranges_ipv4": 390_000,
        "ranges_ipv6": 300_000,
    }
