"""Entries of an import that are there already: refused, skipped or replaced."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.imports.imports_support import (
    BODY,
    CONFLICTS,
    between_chunks,
    conflicting,
    listed,
    logged,
)
from tests.support.clock import FakeClock

from ..conftest import Api
from ..lists.lists_model import check_totals, in_force


def test_a_conflict_refuses_everything_and_each_is_named(api: Api) -> None:
    conflicting(api)
    answer = api.bring(CONFLICTS)
    assert answer.status_code == 409
    assert [(error["field"], error["value"]) for error in answer.json["errors"]] == [
        ("line 2", "192.0.2.1"),
        ("line 3", "203.0.113.7"),
        ("line 4", "198.51.100.1"),
    ]
    assert listed(api) == ["192.0.2.1"]
    assert len(logged(api)) == 2


def test_conflicts_are_skipped_when_asked_and_listed(api: Api) -> None:
    conflicting(api)
    answer = api.bring(CONFLICTS, query="?on_conflict=skip")
    assert answer.status_code == 201
    assert (answer.json["added"], answer.json["skipped"], answer.json["lines"]) == (1, 3, 4)
    assert [(each["line"], each["ip"]) for each in answer.json["skipped_lines"]] == [
        (2, "192.0.2.1"),
        (3, "203.0.113.7"),
        (4, "198.51.100.1"),
    ]
    assert "203.0.113.0/24" in answer.json["skipped_lines"][1]["why"]
    assert "line 1" in answer.json["skipped_lines"][2]["why"]
    assert api.get("/blacklist/192.0.2.1").json["reason"] == "first"
    assert api.get("/blacklist").json["total"] == 2


def test_at_most_a_hundred_skipped_lines_are_listed(api: Api) -> None:
    body = "\n".join(["192.0.2.1"] * 150)
    answer = api.bring(body, query="?on_conflict=skip").json
    assert (answer["skipped"], len(answer["skipped_lines"])) == (149, 100)


def test_replacing_renews_reason_and_end_of_what_is_there(api: Api, clock: FakeClock) -> None:
    feed = "192.0.2.1\n192.0.2.2\n"
    api.bring(feed, query="?duration_seconds=60&reason=one")
    clock.pass_ms(30_000)
    query = "?duration_seconds=600&reason=two&on_conflict=replace"
    answer = api.bring(feed + "192.0.2.3\n", query=query).json
    assert (answer["added"], answer["replaced"], answer["skipped"]) == (1, 2, 0)
    entries = api.get("/blacklist").json
    assert entries["total"] == 3
    ends = {(each["expires_at"], each["reason"]) for each in entries["blacklist"]}
    assert ends == {("2026-09-21T14:23:50.000Z", "two")}
    assert set(in_force(api).values()) == {clock.boot_ms() + 600_000}
    shorter = api.bring(feed, query="?duration_seconds=10&on_conflict=replace").json
    assert shorter["replaced"] == 2, "an end may come nearer, as with POST"
    assert in_force(api)["blacklist", "192.0.2.1"] == clock.boot_ms() + 10_000
    check_totals(api)


def test_replacing_skips_and_lists_what_a_post_would_refuse(api: Api) -> None:
    conflicting(api)
    answer = api.bring(CONFLICTS, query="?on_conflict=replace&reason=new")
    assert answer.status_code == 201
    assert (answer.json["added"], answer.json["replaced"], answer.json["skipped"]) == (1, 1, 2)
    assert [each["line"] for each in answer.json["skipped_lines"]] == [3, 4]
    assert api.get("/blacklist/192.0.2.1").json["reason"] == "new"


def test_replacing_needs_no_room_and_leaves_other_origins(api: Api) -> None:
    api.plane.addresses_max = 2
    api.ban("192.0.2.1", origin="crowdsec", duration_seconds=600)
    for _ in range(3):
        answer = api.bring(
            "192.0.2.1\n192.0.2.2\n", query="?duration_seconds=60&on_conflict=replace"
        )
        assert answer.status_code == 201
    ends = {ip: end - api.clock.boot_ms() for (_, ip), end in in_force(api).items() if end}
    assert ends == {"192.0.2.1": 600_000, "192.0.2.2": 60_000}
    check_totals(api)


def test_what_is_replaced_is_visible_as_it_was_until_the_import_is_complete(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.bring(BODY, query="?reason=one")
    seen: list[Any] = []
    between_chunks(monkeypatch, lambda: seen.append(api.get("/blacklist").json), after=2)
    assert api.bring(BODY, query="?reason=two&on_conflict=replace").status_code == 201
    assert [each["reason"] for each in seen[0]["blacklist"]] == ["one"] * 3
    assert seen[0]["total"] == 3
    assert {each["reason"] for each in api.get("/blacklist").json["blacklist"]} == {"two"}


def test_the_allowlist_takes_what_is_banned(api: Api) -> None:
    api.ban("192.0.2.1")
    assert api.bring("192.0.2.1\n", name="allowlist").status_code == 201
    assert listed(api, "allowlist") == ["192.0.2.1"]


def test_allowing_all_of_ipv6_stops_no_import_of_ipv4(api: Api) -> None:
    api.post("/allowlist?force=true", {"ip": "::/0"})
    assert api.bring("192.0.2.1\n10.0.0.0/8\n").status_code == 201
    assert api.bring("2001:db8::1\n").status_code == 409


def test_an_import_that_does_not_fit_is_refused_whole(api: Api) -> None:
    api.plane.addresses_max = 3
    api.ban("192.0.2.1")
    assert api.bring("192.0.2.2\n192.0.2.3\n192.0.2.4\n").status_code == 409
    assert api.bring("192.0.2.2\n192.0.2.3\n").status_code == 201
    assert api.ban("192.0.2.4").status_code == 409


def test_what_has_ended_is_no_conflict(api: Api, clock: FakeClock) -> None:
    api.ban("192.0.2.1", duration_seconds=1)
    clock.pass_ms(1000)
    assert api.bring("192.0.2.1\n").status_code == 201
    assert api.get("/blacklist").json["total"] == 1
    api.node.housekeeper.turn()
    assert api.get("/blacklist").json["total"] == 1
