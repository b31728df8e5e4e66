"""The audit trail through the API: before and after of each kind of change, filters, order."""

from __future__ import annotations

from typing import Any

import pytest

from ..conftest import Api


def newest(api: Api) -> dict[str, Any]:
    row: dict[str, Any] = api.get("/audit?limit=1").json["audit"][0]
    return row


def test_an_entry_is_told_as_it_was_and_as_it_is(api: Api) -> None:
    api.ban("192.0.2.7", reason="one", duration_seconds=60)
    row = newest(api)
    assert (row["before"], row["after"]["reason"]) == (None, "one")
    assert row["after"] == {
        "ip": "192.0.2.7",
        "origin": "manual",
        "reason": "one",
        "duration_seconds": 60,
        "created_at": "2026-09-21T14:13:20.000Z",
        "created_by": "MANAGEMENT_API_KEY",
        "expires_at": "2026-09-21T14:14:20.000Z",
    }
    api.ban("192.0.2.7", reason="two")
    changed = newest(api)
    assert changed["before"] == row["after"]
    assert (changed["after"]["reason"], changed["after"]["expires_at"]) == ("two", None)
    api.delete("/blacklist/192.0.2.7")
    gone = newest(api)
    assert (gone["before"], gone["after"]) == (changed["after"], None)


def test_of_an_origin_only_its_own_entry_is_told(api: Api) -> None:
    api.ban("192.0.2.7", reason="mine")
    api.ban("192.0.2.7", reason="feed", origin="feed:x")
    assert newest(api)["before"] is None
    api.delete("/blacklist/192.0.2.7?origin=feed:x")
    assert newest(api)["before"]["reason"] == "feed"


def test_of_many_entries_the_first_twenty_are_told(api: Api) -> None:
    entries = [{"ip": f"192.0.2.{n}"} for n in range(25)]
    api.ban("192.0.2.3", reason="earlier")
    api.post("/blacklist", {"entries": entries})
    row = newest(api)
    assert [each["ip"] for each in row["before"]["entries"]] == ["192.0.2.3"]
    assert (len(row["after"]["entries"]), row["after"]["left_out"]) == (20, 5)


def test_policies_are_told_by_revision_name_and_mode(api: Api) -> None:
    api.call("PUT", "/policy", json={"name": "first", "mode": "monitor"})
    row = newest(api)
    assert row["before"] == {"revision": 0, "name": "default", "mode": "enforce"}
    assert row["after"] == {"revision": 1, "name": "first", "mode": "monitor"}
    api.post("/policy/rollback", {})
    assert newest(api)["before"] == row["after"]


def test_panic_drain_and_keys_are_told(api: Api) -> None:
    api.post("/panic", {"duration_seconds": 60, "reason": "shop is down"})
    (overlay,) = newest(api)["after"]["overlays"]
    assert (overlay["document"], overlay["reason"]) == ({"kind": "panic"}, "shop is down")
    api.delete("/panic")
    assert newest(api)["before"]["overlays"] == [overlay]
    api.post("/drain")
    row = newest(api)
    assert (row["before"], row["after"]) == ({"draining": False}, {"draining": True})
    made = api.post("/keys", {"name": "ops", "role": "operate"}).json
    told = newest(api)["after"]
    assert told == {"name": "ops", "role": "operate", "expires_at": None}
    assert made["key"] not in str(newest(api))
    api.delete(f"/keys/{made['id']}")
    assert (newest(api)["before"], newest(api)["after"]) == (told, None)


def test_rules_are_told(api: Api) -> None:
    made = api.post("/rules", {"pattern": "select", "action": "block", "name": "sql"}).json
    row = newest(api)
    assert (row["before"], row["after"]["action"], row["after"]["name"]) == (None, "block", "sql")
    api.call("PATCH", f"/rules/{made['id']}", json={"action": "log"})
    changed = newest(api)
    assert changed["before"] == row["after"]
    assert changed["after"] == {**row["after"], "action": "log"}
    api.delete(f"/rules/{made['id']}")
    assert (newest(api)["before"], newest(api)["after"]) == (changed["after"], None)


@pytest.fixture
def changed(api: Api) -> Api:
    """Three changes, a minute apart, by two keys."""
    key = api.post("/keys", {"name": "night-shift", "role": "operate"}).json["key"]
    api.clock.pass_ms(60_000)
    api.ban("192.0.2.1", reason="Port scan")
    api.clock.pass_ms(60_000)
    api.post("/blacklist", {"ip": "192.0.2.2", "reason": "spam"}, key=key)
    return api


@pytest.mark.parametrize(
    ("query", "targets"),
    [
        ("key=night-shift", ["192.0.2.2"]),
        ("action=blacklist", ["192.0.2.2", "192.0.2.1"]),
        ("action=blacklist.put", ["192.0.2.2", "192.0.2.1"]),
        ("action=black", []),
        ("text=PORT%20scan", ["192.0.2.1"]),
        ("text=192.0.2.2", ["192.0.2.2"]),
        ("text=%25&action=blacklist", []),
        ("since=2026-09-21T14:15:20Z", ["192.0.2.2"]),
        ("until=2026-09-21T14:15:20Z&action=blacklist", ["192.0.2.1"]),
        ("sort=oldest&action=blacklist", ["192.0.2.1", "192.0.2.2"]),
    ],
)
def test_filters_are_joined(changed: Api, query: str, targets: list[str]) -> None:
    answer = changed.get(f"/audit?{query}").json
    assert [row["target"] for row in answer["audit"]] == targets
    assert answer["total"] == len(targets)


def test_pages_go_on_in_both_orders_and_count_once(changed: Api) -> None:
    for sort, targets in (("newest", "21"), ("oldest", "12")):
        first = changed.get(f"/audit?action=blacklist&limit=1&sort={sort}").json
        rest = f"/audit?action=blacklist&limit=1&sort={sort}&cursor={first['next_cursor']}"
        second = changed.get(rest).json
        found = [page["audit"][0]["target"] for page in (first, second)]
        assert found == [f"192.0.2.{last}" for last in targets]
        assert (first["total"], second["total"], second["next_cursor"]) == (2, None, None)


@pytest.mark.parametrize("name", ["key", "action", "text"])
def test_a_filter_with_a_nul_is_refused_for_databases_end_a_text_there(api: Api, name: str) -> None:
    answer = api.get(f"/audit?{name}=%00")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == name
