"""Status, statistics, health."""

from __future__ import annotations

import dataclasses
import errno
import socket
from pathlib import Path

import pytest

from api.agent.control.server import ControlServer
from api.common.disk import DiskError
from api.management.agent import KEPT_S, AgentSight
from dataplane.base.process import failure
from dataplane.shared.stats import CountriesStats, ReasonCount
from tests.support.values.incidents import DETECTION

from .conftest import Api


def test_status_has_the_contracts_fields_and_those_beside_them(api: Api) -> None:
    api.ban("192.0.2.1")
    body = api.get("/status").json
    assert body == {
        "status": "running",
        "mode": "tcp",
        "mode_configured": "auto",
        "uptime_seconds": 12,
        "policy": {"name": "default", "mode": "enforce", "revision": 0, "not_enforced": []},
        "rates": dict.fromkeys(body["rates"], 0),
        "connections": {"active": 7, "total": 9},
        "attacks": {"active": 0, "suppressed": 0, "heaviest": []},
        "syn_proxy": {"profiles": 0, "always": [], "on_count": 0, "on_for": []},
        "health": "healthy",
        "reasons": [],
        "dataplane_error": None,
        "revision": {"committed": 1, "applied": 1},
        "database_id": str(api.node.publisher.database_id),
        "countries": None,
        "storage": body["storage"],
        "links": {"state": "watching", "seconds": 0.0, "loss_forwarding": "off", "ports": {}},
        "panic": None,
        "fleet": None,
        "drain": None,
        "overlays": 0,
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


def test_a_data_plane_that_does_not_start_is_told_with_its_last_line(api: Api) -> None:
    run_directory = api.settings.socket.parent
    run_directory.mkdir(parents=True, exist_ok=True)
    failure.note(run_directory, "ports.outside.device: no port\nhugepages: 0 MiB are free")
    assert api.get("/status").json["dataplane_error"] is None, "it runs: that was before"
    api.plane.away = True
    said = "ports.outside.device: no port; hugepages: 0 MiB are free"
    assert api.get("/status").json["dataplane_error"] == said
    assert said in api.get("/health/ready").text
    failure.forget(run_directory)
    assert api.get("/status").json["dataplane_error"] is None


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
    assert body["link_by_kind"] == {"arp": 2, "other_mpls": 1}
    assert body["attacks_blocked"] == 0
    assert body["encapsulated_by_kind"] == {"mpls": 5}
    assert body["neighbors_by_protocol"] == {"bgp": 4}
    assert body["connections_by_profile"] == {"default": 4, "shop": 3}
    assert body["requests_per_second"] is None
    assert body["latency_ms"] == pytest.approx(0.0042)
    assert body["latency_of"] == "packet"
    assert body["cpu_percent"] == 12.5
    assert body["memory_mb"] == 100.0
    assert body["ports"]["outside"]["forwarded"] == 7


def test_status_says_how_many_attacks_go_on(api: Api) -> None:
    api.plane.detection = DETECTION
    found = api.get("/status").json["attacks"]
    assert (found["active"], found["suppressed"]) == (1, 5)
    api.plane.away = True
    away = {"active": None, "suppressed": None, "heaviest": []}
    assert api.get("/status").json["attacks"] == away


def test_attacks_blocked_are_incidents_that_lost_packets_and_requests_that_rules_have_blocked(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.plane.detection = DETECTION
    stats = api.plane.stats()
    cells = (
        ReasonCount("default", "waf_rule", "enforce", 5),
        ReasonCount("web", "waf_rule", "enforce", 2),
        ReasonCount("web", "waf_rule", "monitor", 100),
    )
    counted = dataclasses.replace(stats, reasons=(*stats.reasons, *cells))
    monkeypatch.setattr(api.plane, "stats", lambda: counted)
    body = api.get("/stats").json
    assert (body["attacks_blocked"], body["would_drop_by_reason"]["waf_rule"]) == (9, 100)


def test_where_http_is_inspected_stats_are_about_requests(api: Api) -> None:
    api.plane.http_profiles = 1
    assert api.get("/status").json["mode"] == "l7"
    body = api.get("/stats").json
    assert (body["requests_per_second"], body["latency_of"]) == (12.3, "request")
    assert body["latency_ms"] == pytest.approx(0.6)


def test_live_needs_nothing_and_no_key(api: Api) -> None:
    api.plane.away = True
    assert api.get("/health/live", key=None).status_code == 200


def test_ready_needs_storage_and_data_plane(api: Api) -> None:
    assert api.get("/health/ready", key=None).json == {"status": "ready"}
    api.plane.away = True
    answer = api.get("/health/ready", key=None)
    assert answer.status_code == 503
    assert [each["field"] for each in answer.json["errors"]] == ["dataplane"]
    api.plane.away = False

    api.node.storage.failed(DiskError(api.settings.state_log, errno.ENOSPC))
    answer = api.get("/health/ready", key=None)
    assert answer.status_code == 503
    (error,) = answer.json["errors"]
    assert (error["field"], error["value"]) == ("storage", str(api.settings.state_log))
    assert "No space left on device" in error["message"]


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


def test_an_agent_that_is_late_is_away_when_it_is_late_for_two_seconds(tmp_path: Path) -> None:
    now_s = 100.0
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "agent.sock"))
        silent.listen()
        found = AgentSight(tmp_path / "agent.sock", lambda: now_s)
        assert found.reasons() == ()
        now_s += KEPT_S / 2
        assert found.reasons() == ()
        now_s += KEPT_S / 2
        assert found.reasons() == ("agent_away",)


def test_a_node_whose_agent_is_away_or_in_trouble_is_degraded_and_says_so(
    api: Api,
) -> None:
    found = AgentSight(api.settings.agent)
    assert found.reasons() == ()
    server = ControlServer(api.settings.agent, {"status": lambda _: {"reasons": ["x", "y"]}})
    server.start()
    assert found.reasons() == ()  # for two seconds
    assert AgentSight(api.settings.agent).reasons() == ("x", "y")
    server.close()
    away = AgentSight(api.settings.agent)
    assert away.reasons() == ("agent_away",)
    again = api.restart()
    try:
        body = again.get("/status").json
    finally:
        again.close()
    assert (body["health"], body["reasons"]) == ("degraded", ["agent_away"])
    assert body["status"] == "degraded"
