"""Looking through a list of the fleet: what covers an address, filters, orders."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.api.orchestrator.conftest import client_of
from tests.support.clock import FakeClock

URL = "/api/v1/blacklist"


def put(client: FlaskClient, ip: str, name: str = "blacklist", **more: Any) -> None:
    answer = client.post(f"/api/v1/{name}", json={"ip": ip} | more)
    assert answer.status_code in {200, 201}, answer.json


def networks(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [entry["ip"] for entry in answer.json["blacklist"]]


def look_up(client: FlaskClient, ip: str, name: str = "blacklist") -> Any:
    return client.get(f"/api/v1/{name}/{ip}?covering=true")


def test_an_entry_is_shown_with_all_that_covers_it(admin: FlaskClient) -> None:
    put(admin, "192.0.2.0/24", reason="network")
    put(admin, "192.0.2.7", reason="host")
    put(admin, "192.0.2.7", "allowlist")
    found = look_up(admin, "192.0.2.7").json
    assert (found["ip"], found["reason"], found["asked"]) == ("192.0.2.7", "host", "192.0.2.7")
    assert (found["verdict"], found["list"]) == ("allowed", "blacklist")
    assert found["decided_by"] == {"list": "allowlist", "ip": "192.0.2.7"}
    assert found["covering"] == [
        {"list": "blacklist", "ip": "192.0.2.7"},
        {"list": "allowlist", "ip": "192.0.2.7"},
        {"list": "blacklist", "ip": "192.0.2.0/24"},
    ]
    exact = admin.get(f"{URL}/192.0.2.7").json
    assert exact is not None
    assert {key: found[key] for key in exact} == exact


def test_an_address_without_an_entry_is_answered_by_the_longest_that_covers_it(
    admin: FlaskClient,
) -> None:
    for ip in ("2001:db8::/32", "2001:db8:1::/48", "::/19"):
        put(admin, ip, reason=ip)
    assert admin.get(f"{URL}/2001:db8:1::7").status_code == 404
    found = look_up(admin, "2001:db8:1::7", "allowlist").json
    assert (found["ip"], found["list"], found["verdict"]) == (
        "2001:db8:1::/48",
        "blacklist",
        "banned",
    )
    assert [each["ip"] for each in found["covering"]] == ["2001:db8:1::/48", "2001:db8::/32"]
    assert found["nodes"]["of"] == 0


def test_a_prefix_is_told_what_lies_inside(admin: FlaskClient) -> None:
    put(admin, "192.0.2.1")
    put(admin, "192.0.2.0/25")
    answer = look_up(admin, "192.0.2.0/24")
    assert answer.status_code == 404
    assert answer.json["detail"] == (
        "192.0.2.0/24 is on neither list of the fleet, and no entry covers it; "
        "2 networks of the blacklist within it: 192.0.2.0/25, 192.0.2.1"
    )
    found = look_up(admin, "192.0.2.0/25").json
    assert found["inside"] == [{"list": "blacklist", "ip": "192.0.2.1"}]


@pytest.fixture
def filled(admin: FlaskClient, clock: FakeClock) -> FlaskClient:
    """Four entries of two keys, a minute apart."""
    entries = (
        ("192.0.2.1", {"reason": "Port scan", "duration_seconds": 900}),
        ("192.0.2.2", {"reason": "spam", "duration_seconds": 600}),
        ("192.0.2.3", {"reason": "Müller's host"}),
    )
    for ip, rest in entries:
        put(admin, ip, **rest)
        clock.pass_ms(60_000)
    made = admin.post("/api/v1/keys", json={"name": "night-shift", "role": "operate"}).json
    assert made is not None
    put(client_of(admin.application, made["key"]), "192.0.2.4", reason="100% sure")
    return admin


@pytest.mark.parametrize(
    ("query", "last_parts"),
    [
        ("reason=spam", "2"),
        ("reason=spa", ""),
        ("created_by=night-shift", "4"),
        ("text=SCAN", "1"),
        ("text=night", "4"),
        ("text=%25", "4"),
        ("text=M%C3%BCLLER", "3"),
        ("text=M%C3%9CLLER", ""),
        ("since=2026-09-21T14:14:20Z", "234"),
        ("until=2026-09-21T14:14:20Z", "1"),
    ],
)
def test_filters_are_joined_and_counted(filled: FlaskClient, query: str, last_parts: str) -> None:
    answer = filled.get(f"{URL}?{query}")
    assert networks(answer) == [f"192.0.2.{part}" for part in last_parts]
    assert answer.json is not None
    assert answer.json["total"] == len(last_parts)


@pytest.mark.parametrize(
    ("sort", "last_parts"),
    [("ip", "1234"), ("newest", "4321"), ("oldest", "1234"), ("ends", "21")],
)
def test_orders(filled: FlaskClient, sort: str, last_parts: str) -> None:
    answer = filled.get(f"{URL}?sort={sort}")
    assert networks(answer) == [f"192.0.2.{part}" for part in last_parts]
    assert answer.json is not None
    assert (answer.json["total"], answer.json["next_cursor"]) == (len(last_parts), None)


def test_pages_under_a_filter_follow_one_another_and_count_once(filled: FlaskClient) -> None:
    first: Any = filled.get(f"{URL}?created_by=admin&limit=2").json
    rest: Any = filled.get(f"{URL}?created_by=admin&limit=2&cursor={first['next_cursor']}").json
    assert (first["total"], rest["total"], rest["next_cursor"]) == (3, None, None)
    assert [each["ip"] for each in rest["blacklist"]] == ["192.0.2.3"]
    refused: Any = filled.get(f"{URL}?sort=newest&cursor={first['next_cursor']}")
    assert (refused.status_code, "sort=ip alone" in refused.json["detail"]) == (422, True)


@pytest.mark.parametrize("query", ["sort=hits", "hits=false", "origin=fleet"])
def test_what_only_a_node_knows_is_refused(admin: FlaskClient, query: str) -> None:
    assert admin.get(f"{URL}?{query}").status_code == 422
