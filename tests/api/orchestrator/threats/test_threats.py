"""What nodes report of attacks becomes the threats of the fleet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from api.common.contract.schemas import rfc3339
from tests.api.orchestrator.conftest import heartbeat, sources
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
MINUTE_MS = 60_000


def _report(node: FlaskClient, name: str, *incidents: dict[str, Any], **more: Any) -> Any:
    sent = heartbeat(incidents=list(incidents)) | more
    return node.post(f"/api/v1/nodes/{name}/heartbeat", json=sent)


def _threats(client: FlaskClient, **query: Any) -> Any:
    answer = client.get("/api/v1/threats", query_string=query)
    assert answer.status_code == 200, answer.json
    return answer.json


def test_without_attacks_there_are_no_threats(admin: FlaskClient) -> None:
    found = _threats(admin)
    wanted = {"active_threats": 0, "top_attackers": [], "attack_types": {}, "threats": []}
    assert wanted.items() <= found.items()


def test_one_attack_that_two_nodes_see_is_one_threat(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    one, two = enrol("node-1"), enrol("node-2")
    assert _report(one, "node-1", incident(1)).status_code == 200
    assert _report(two, "node-2", incident(2, target="203.0.113.0/24", target_kind="prefix"))
    found = _threats(admin)
    assert found["active_threats"] == 1
    assert found["attack_types"] == {"syn_flood": 1}
    (threat,) = found["threats"]
    assert threat["nodes"] == ["node-1", "node-2"]
    assert threat["targets"] == ["203.0.113.0/24", "203.0.113.10"]
    assert threat["incidents"] == 2
    assert threat["state"] == "active"


def test_an_attack_that_began_before_all_times_is_a_threat_like_others(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    before = incident(1, started_at="0001-01-01T00:00:00.123456789+10:00")
    assert _report(enrol("node-1"), "node-1", before).status_code == 200
    (threat,) = _threats(admin)["threats"]
    assert threat["first_seen_at"] == rfc3339(0)


def test_active_threats_is_the_sum_of_the_types(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    _report(
        enrol("node-1"),
        "node-1",
        incident(1),
        incident(2, target="203.0.113.99"),
        incident(3, type="http_flood"),
    )
    found = _threats(admin)
    assert found["attack_types"] == {"syn_flood": 2, "http_flood": 1}
    assert found["active_threats"] == found["total"] == 3


def test_attackers_are_counted_by_incidents_and_summed_over_nodes(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    heavy, light = ("192.0.2.50", 4000, 100), ("203.0.113.100", 900, 20)
    _report(enrol("node-1"), "node-1", incident(1, sources=sources(heavy, light)))
    _report(enrol("node-2"), "node-2", incident(2, sources=sources(heavy)))
    found = _threats(admin)["top_attackers"]
    assert found == [
        {"ip": "192.0.2.50", "attacks": 2, "packets": 8000, "error": 200, "country": "NL"},
        {"ip": "203.0.113.100", "attacks": 1, "packets": 900, "error": 20, "country": "NL"},
    ]
    assert [each["ip"] for each in _threats(admin, top=1)["top_attackers"]] == ["192.0.2.50"]


def test_sources_of_a_flood_that_forges_them_are_no_attackers(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    forged = sources(("192.0.2.50", 4000, 100), spoofed=True)
    _report(enrol("node-1"), "node-1", incident(1, sources=forged))
    found = _threats(admin)
    assert found["top_attackers"] == []
    assert found["threats"][0]["spoofed"] is True


def test_a_threat_leaves_with_the_window(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any], clock: FakeClock
) -> None:
    _report(enrol("node-1"), "node-1", incident(1, began_s=100, ended_s=90))
    assert _threats(admin, window=120)["active_threats"] == 1
    assert _threats(admin, window=60)["active_threats"] == 0
    assert _threats(admin, window=120)["ongoing"] == 0


def test_of_a_node_that_falls_silent_an_attack_does_not_go_on_for_ever(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any], clock: FakeClock
) -> None:
    _report(enrol("node-1"), "node-1", incident(1))
    clock.pass_ms(2 * MINUTE_MS)
    found = _threats(admin, window=300)
    assert (found["active_threats"], found["ongoing"]) == (1, 0)


def test_a_report_is_acknowledged_as_it_was_sent_and_a_later_one_takes_its_place(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    node = enrol("node-1")
    late, early = incident(1, ended_s=2), incident(1, updated_at="2020-01-01T00:00:00Z")
    for sent in (incident(1, updated_at=late["started_at"]), late, early):
        answer = _report(node, "node-1", sent)
        wanted = [{"id": sent["id"], "updated_at": sent["updated_at"]}]
        assert answer.json["acknowledged"] == wanted
    (threat,) = _threats(admin)["threats"]
    assert threat["state"] == "ended"
    assert threat["incidents"] == 1


def test_a_report_that_is_none_is_refused_and_harms_nobody(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    liar, honest = enrol("node-1"), enrol("node-2")
    answer = _report(liar, "node-1", incident(3), incident(1, type="SYN flood"))
    assert answer.status_code == 422, answer.json
    assert answer.json["errors"][0]["field"] == "incidents.1.type"
    assert _report(honest, "node-2", incident(2)).status_code == 200
    assert _threats(admin)["threats"][0]["nodes"] == ["node-2"]


def test_times_in_the_future_are_those_of_now(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any], clock: FakeClock
) -> None:
    far = "9999-12-31T23:59:59Z"
    sent = incident(1) | {"started_at": far, "ended_at": far, "updated_at": far, "state": "ended"}
    assert _report(enrol("node-1"), "node-1", sent).status_code == 200
    assert _threats(admin)["threats"][0]["last_seen_at"] == rfc3339(clock.utc_ms())


def test_a_node_s_incidents_are_bounded_and_its_neighbour_s_stay(
    admin: FlaskClient,
    enrol: Enrol,
    incident: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.orchestrator.threats.incidents.OF_NODE_MAX", 3)
    liar = enrol("node-1")
    _report(enrol("node-2"), "node-2", incident(1, began_s=500, target="198.51.100.1"))
    for each in range(3):
        found = [
            incident(10 * each + more, target=f"10.0.{each}.{more}", began_s=100 - 10 * each)
            for more in range(2)
        ]
        assert _report(liar, "node-1", *found).status_code == 200
    threats = _threats(admin)["threats"]
    mine = [each for each in threats if each["nodes"] == ["node-1"]]
    assert len(mine) == 3
    assert [each["nodes"] for each in threats[-1:]] == [["node-2"]]


def test_threats_come_in_pages_newest_first(
    admin: FlaskClient, enrol: Enrol, incident: Callable[..., Any]
) -> None:
    reports = [incident(each, began_s=each, target=f"203.0.113.{each}") for each in range(1, 6)]
    _report(enrol("node-1"), "node-1", *reports)
    seen, cursor = [], None
    while True:
        page = _threats(admin, limit=2, **({} if cursor is None else {"cursor": cursor}))
        seen += [each["targets"][0] for each in page["threats"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [f"203.0.113.{each}" for each in range(1, 6)]
    assert page["total"] == 5
