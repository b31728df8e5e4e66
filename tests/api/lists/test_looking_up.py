"""Looking through a list: what covers an address, filters, orders."""

from __future__ import annotations

from typing import Any

import pytest

from api.lists import looking_up
from dataplane.base.networks import Network

from ..conftest import Api


def networks(answer: Any, name: str = "blacklist") -> list[str]:
    assert answer.status_code == 200, answer.json
    return [entry["ip"] for entry in answer.json[name]]


def look_up(api: Api, ip: str, name: str = "blacklist") -> Any:
    return api.get(f"/{name}/{ip}?covering=true")


def test_an_entry_of_its_own_is_shown_with_all_that_covers_it(api: Api) -> None:
    api.ban("192.0.2.0/24", reason="network")
    api.ban("192.0.2.7", reason="host")
    found = look_up(api, "192.0.2.7").json
    assert (found["ip"], found["reason"], found["asked"]) == ("192.0.2.7", "host", "192.0.2.7")
    assert (found["verdict"], found["others"]) == ("banned", [])
    assert found["decided_by"] == {"list": "blacklist", "ip": "192.0.2.7"}
    assert [each["ip"] for each in found["covering"]] == ["192.0.2.7", "192.0.2.0/24"]
    exact = api.get("/blacklist/192.0.2.7").json
    assert {key: found[key] for key in exact} == exact


def test_an_address_without_an_entry_is_answered_by_the_longest_that_covers_it(api: Api) -> None:
    for ip in ("192.0.0.0/16", "192.0.2.0/24", "198.51.100.0/24"):
        api.ban(ip, reason=ip)
    assert api.get("/blacklist/192.0.2.9").status_code == 404
    found = look_up(api, "192.0.2.9").json
    assert (found["ip"], found["asked"], found["verdict"]) == (
        "192.0.2.0/24",
        "192.0.2.9",
        "banned",
    )
    assert [each["ip"] for each in found["covering"]] == ["192.0.2.0/24", "192.0.0.0/16"]


def test_the_allowlist_decides(api: Api) -> None:
    api.ban("2001:db8::/32")
    api.post("/allowlist", {"ip": "2001:db8:1::/48"})
    found = look_up(api, "2001:db8:1::7").json
    assert (found["ip"], found["list"]) == ("2001:db8::/32", "blacklist")
    assert found["verdict"] == "allowed"
    assert found["decided_by"] == {"list": "allowlist", "ip": "2001:db8:1::/48"}
    allowed = look_up(api, "2001:db8:1::7", "allowlist").json
    assert (allowed["ip"], allowed["verdict"]) == ("2001:db8:1::/48", "allowed")
    assert look_up(api, "2001:db8:2::7").json["verdict"] == "banned"


def test_a_prefix_is_told_what_lies_inside(api: Api) -> None:
    api.ban("192.0.2.0/24")
    api.post("/allowlist", {"ip": "192.0.2.7"})
    found = look_up(api, "192.0.2.0/25").json
    assert (found["ip"], found["verdict"]) == ("192.0.2.0/24", "banned")
    assert found["inside"] == [{"list": "allowlist", "ip": "192.0.2.7"}]


@pytest.mark.parametrize(
    ("name", "other", "verdict"),
    [("blacklist", "allowlist", "allowed"), ("allowlist", "blacklist", "banned")],
)
def test_an_address_that_only_the_other_list_covers_is_answered_by_that_list(
    api: Api, name: str, other: str, verdict: str
) -> None:
    for ip in ("192.0.0.0/16", "192.0.2.0/24"):
        api.post(f"/{other}", {"ip": ip, "reason": ip})
    assert api.get(f"/{name}/192.0.2.7").status_code == 404
    answer = look_up(api, "192.0.2.7", name)
    assert answer.status_code == 200
    found = answer.json
    assert (found["list"], found["ip"], found["reason"]) == (other, *["192.0.2.0/24"] * 2)
    assert (found["asked"], found["verdict"]) == ("192.0.2.7", verdict)
    assert found["decided_by"] == {"list": other, "ip": "192.0.2.0/24"}
    assert found["covering"] == [
        {"list": other, "ip": "192.0.2.0/24"},
        {"list": other, "ip": "192.0.0.0/16"},
    ]


def test_an_address_that_neither_list_covers_is_not_found(api: Api) -> None:
    api.post("/allowlist", {"ip": "192.0.2.0/24"})
    answer = look_up(api, "198.51.100.7")
    assert answer.status_code == 404
    assert answer.json["detail"] == "198.51.100.7 is on neither list, and no entry covers it"


def test_a_prefix_that_is_only_partly_on_a_list_is_told_what_lies_inside(api: Api) -> None:
    for ip in ("192.0.2.1", "192.0.2.2", "192.0.2.0/25"):
        api.ban(ip)
    api.ban("192.0.2.1", origin="feed:drop")
    for last in range(200, 204):
        api.post("/allowlist", {"ip": f"192.0.2.{last}"})
    api.post("/allowlist", {"ip": "198.51.100.7"})
    answer = look_up(api, "192.0.2.0/24")
    assert answer.status_code == 404
    assert answer.json["detail"] == (
        "192.0.2.0/24 is on neither list, and no entry covers it; "
        "3 networks of the blacklist within it: 192.0.2.0/25, 192.0.2.1, 192.0.2.2; "
        "4 networks of the allowlist within it: such as 192.0.2.200, 192.0.2.201, 192.0.2.202"
    )


def test_networks_within_a_prefix_are_counted_up_to_a_limit(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(looking_up, "COUNTED_MAX", 4)
    for last in range(5):
        api.ban(f"192.0.2.{last}")
    detail = look_up(api, "192.0.2.0/24").json["detail"]
    assert "more than 4 networks of the blacklist within it: such as 192.0.2.0, " in detail


def test_an_entry_that_is_over_covers_nothing(api: Api) -> None:
    api.ban("192.0.2.0/24", duration_seconds=60)
    assert look_up(api, "192.0.2.7").json["verdict"] == "banned"
    api.clock.pass_ms(61_000)
    assert look_up(api, "192.0.2.7").status_code == 404


@pytest.fixture
def filled(api: Api) -> Api:
    """Five entries: two creators, three origins, a minute apart."""
    entries = (
        ("192.0.2.1", {"reason": "Port scan", "duration_seconds": 900}),
        ("192.0.2.2", {"reason": "spam", "origin": "feed:drop", "duration_seconds": 600}),
        ("192.0.2.3", {"reason": "spam", "origin": "feed:drop"}),
        ("192.0.2.4", {"origin": "incident", "reason": "Müller's host"}),
    )
    for ip, rest in entries:
        assert api.ban(ip, **rest).status_code == 201
        api.clock.pass_ms(60_000)
    key = api.post("/keys", {"name": "night-shift", "role": "operate"}).json["key"]
    answer = api.post("/blacklist", {"ip": "192.0.2.5", "reason": "100% sure"}, key=key)
    assert answer.status_code == 201
    return api


@pytest.mark.parametrize(
    ("query", "last_parts"),
    [
        ("reason=spam", "23"),
        ("reason=spa", ""),
        ("origin=feed:drop", "23"),
        ("created_by=night-shift", "5"),
        ("text=port", "1"),
        ("text=SCAN", "1"),
        ("text=night", "5"),
        ("text=m%C3%BCll", "4"),
        ("text=M%C3%BCLLER", "4"),
        ("text=M%C3%9CLLER", ""),
        ("text=feed:", "23"),
        ("text=%25", "5"),
        ("text=__", ""),
        ("since=2026-09-21T14:14:20Z", "2345"),
        ("until=2026-09-21T14:14:20Z", "1"),
        ("since=2026-09-21T14:14:20Z&text=spam&until=2026-09-21T14:15:20Z", "2"),
    ],
)
def test_filters_are_joined_and_counted(filled: Api, query: str, last_parts: str) -> None:
    answer = filled.get(f"/blacklist?{query}")
    assert networks(answer) == [f"192.0.2.{part}" for part in last_parts]
    assert answer.json["total"] == len(last_parts)


@pytest.mark.parametrize(
    ("sort", "last_parts"),
    [("ip", "12345"), ("newest", "54321"), ("oldest", "12345"), ("ends", "21")],
)
def test_orders(filled: Api, sort: str, last_parts: str) -> None:
    answer = filled.get(f"/blacklist?sort={sort}")
    assert networks(answer) == [f"192.0.2.{part}" for part in last_parts]
    assert (answer.json["total"], answer.json["next_cursor"]) == (len(last_parts), None)


def test_another_order_has_one_page(filled: Api) -> None:
    page = filled.get("/blacklist?sort=newest&limit=2").json
    assert [entry["ip"] for entry in page["blacklist"]] == ["192.0.2.5", "192.0.2.4"]
    assert (page["total"], page["next_cursor"]) == (5, None)
    cursor = filled.get("/blacklist?limit=1").json["next_cursor"]
    answer = filled.get(f"/blacklist?sort=newest&cursor={cursor}")
    assert (answer.status_code, "sort=ip alone" in answer.json["detail"]) == (422, True)


def test_pages_under_a_filter_follow_one_another_and_count_once(filled: Api) -> None:
    first = filled.get("/blacklist?reason=spam&limit=1").json
    second = filled.get(f"/blacklist?reason=spam&limit=1&cursor={first['next_cursor']}").json
    assert (first["total"], second["total"], second["next_cursor"]) == (2, None, None)
    assert [second["blacklist"][0]["ip"]] == ["192.0.2.3"]
    plain = filled.get("/blacklist?limit=2").json
    assert filled.get(f"/blacklist?limit=2&cursor={plain['next_cursor']}").json["total"] == 5


def test_by_hits_the_most_hit_come_first_and_filters_hold(filled: Api) -> None:
    hits = {"192.0.2.2": 7, "192.0.2.5": 90, "192.0.2.3": 8, "203.0.113.9": 1000}
    for ip, count in hits.items():
        filled.plane.hits_by_key["blacklist", Network.parse(ip)] = count
    answer = filled.get("/blacklist?sort=hits")
    assert networks(answer) == ["192.0.2.5", "192.0.2.3", "192.0.2.2"]
    assert [entry["hits"] for entry in answer.json["blacklist"]] == [90, 8, 7]
    assert networks(filled.get("/blacklist?sort=hits&reason=spam&limit=1")) == ["192.0.2.3"]
    assert networks(filled.get("/allowlist?sort=hits"), "allowlist") == []
    filled.plane.away = True
    assert filled.get("/blacklist?sort=hits").status_code == 503


@pytest.mark.parametrize(
    ("query", "field"),
    [("sort=size", "sort"), ("since=yesterday", "since"), ("text=", "text")],
)
def test_a_wrong_filter_is_refused(api: Api, query: str, field: str) -> None:
    answer = api.get(f"/blacklist?{query}")
    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
