"""Up to a thousand entries in one POST: validation, answers and audit as for single entries."""

from __future__ import annotations

from typing import Any

import pytest

from dataplane.statelog import Put, StateLogReader

from ..conftest import Api
from .lists_model import check_totals, in_force


def put(api: Api, *entries: dict[str, Any], name: str = "blacklist", **rest: Any) -> Any:
    return api.post(f"/{name}", {"entries": list(entries)}, **rest)


def test_many_entries_are_one_revision_one_line_and_one_audit_row(api: Api) -> None:
    audited = api.get("/audit").json["total"]
    answer = put(
        api, {"ip": "192.0.2.1", "reason": "x", "duration_seconds": 60}, {"ip": "10.0.0.0/8"}
    )
    assert (answer.status_code, answer.headers["Location"]) == (201, "/api/v1/revisions/1")
    body = answer.json
    assert (body["revision"], body["state"], body["created"], body["replaced"]) == (
        1,
        "in_force",
        2,
        0,
    )
    first = api.get("/blacklist/192.0.2.1").json
    first.pop("others")
    assert body["entries"][0] == {**first, "hits": 0, "result": "created"}
    reader = StateLogReader(api.settings.state_log)
    with reader.log(reader.generations()[0]) as log:
        (line,) = log.lines()
    assert [str(change.network) for change in line.changes if isinstance(change, Put)] == [
        "192.0.2.1",
        "10.0.0.0/8",
    ]
    audit = api.get("/audit").json
    assert audit["total"] == audited + 1
    assert (audit["audit"][0]["action"], audit["audit"][0]["target"]) == (
        "blacklist.put",
        "2 entries",
    )


def test_each_entry_says_whether_it_is_created_or_replaced_and_has_its_warnings(api: Api) -> None:
    api.ban("192.0.2.1", reason="old")
    api.post("/allowlist", {"ip": "10.0.0.1"})
    answer = put(api, {"ip": "192.0.2.1", "reason": "new"}, {"ip": "10.0.0.0/8"})
    assert answer.status_code == 201
    results = [(each["result"], len(each.get("warnings", []))) for each in answer.json["entries"]]
    assert results == [("replaced", 0), ("created", 1)]
    assert api.get("/blacklist/192.0.2.1").json["reason"] == "new"
    again = put(api, {"ip": "192.0.2.1"})
    assert (again.status_code, again.json["replaced"]) == (200, 1)
    check_totals(api)


def test_pending_entries_are_202(api: Api) -> None:
    api.plane.slow = True
    answer = put(api, {"ip": "192.0.2.1"})
    assert (answer.status_code, answer.json["state"]) == (202, "pending")
    assert answer.json["entries"][0]["hits"] is None


@pytest.mark.parametrize(
    ("entry", "field"),
    [
        ({"ip": "192.0.2.7/24"}, "entries.1.ip"),
        ({"ip": "192.0.2.7", "duration_seconds": 0}, "entries.1.duration_seconds"),
        ({"ip": "192.0.2.7", "origin": "me"}, "entries.1.origin"),
        ({"ip": "192.0.2.7", "x": 1}, "entries.1.x"),
        ({}, "entries.1.ip"),
        ("192.0.2.7", "entries.1"),
    ],
)
def test_a_bad_entry_refuses_all_and_is_named_by_its_index(
    api: Api, entry: Any, field: str
) -> None:
    answer = put(api, {"ip": "192.0.2.1"}, entry)
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], bool(error["limit"])) == (field, True)
    assert api.get("/blacklist").json["total"] == 0


def test_the_form_of_one_entry_is_what_it_was(api: Api) -> None:
    for body, field in (({"ip": 1}, "ip"), ({}, "ip"), ({"ip": "192.0.2.1", "x": 1}, "x")):
        answer = api.post("/blacklist", body)
        assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, field)
    assert api.post("/blacklist", {"entries": [], "ip": "192.0.2.1"}).status_code == 422
    for body in ([], "x", 7, False):
        assert api.call("POST", "/blacklist", json=body).status_code == 422
    assert api.call("POST", "/blacklist", data="{").status_code == 400


def test_no_entries_and_one_more_than_a_thousand_are_refused(api: Api) -> None:
    assert put(api).status_code == 422
    many = [{"ip": f"10.0.{n >> 8}.{n & 255}"} for n in range(1001)]
    answer = put(api, *many)
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], error["limit"]) == ("entries", "1000 entries")
    assert "import" in error["message"]
    assert "1001" in error["message"]
    assert put(api, *many[:1000]).json["created"] == 1000
    assert api.get("/blacklist").json["total"] == 1000
    assert len(in_force(api)) == 1000


def test_a_network_twice_is_refused_naming_both_places_but_not_for_two_origins(api: Api) -> None:
    answer = put(api, {"ip": "192.0.2.1"}, {"ip": "::ffff:192.0.2.1"})
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], error["value"]) == ("entries.1.ip", "192.0.2.1")
    assert "entries.0.ip" in error["message"]
    both = put(
        api,
        {"ip": "192.0.2.1", "duration_seconds": 60},
        {"ip": "192.0.2.1", "duration_seconds": 30, "origin": "crowdsec"},
    )
    assert both.json["created"] == 2
    assert list(in_force(api).values()) == [api.clock.boot_ms() + 60_000]
    check_totals(api)


def test_bans_that_the_allowlist_covers_refuse_all_and_are_named(api: Api) -> None:
    api.post("/allowlist", {"ip": "192.0.2.0/24"})
    answer = put(api, {"ip": "192.0.2.1"}, {"ip": "198.51.100.1"}, {"ip": "192.0.2.3"})
    assert answer.status_code == 409
    assert [(each["field"], each["limit"]) for each in answer.json["errors"]] == [
        ("entries.0.ip", "allowlist entry 192.0.2.0/24"),
        ("entries.2.ip", "allowlist entry 192.0.2.0/24"),
    ]
    assert api.get("/blacklist").json["total"] == 0


def test_entries_that_do_not_fit_are_refused_whole(api: Api) -> None:
    api.plane.addresses_max = 2
    answer = put(api, *({"ip": f"192.0.2.{n}"} for n in range(3)))
    assert (answer.status_code, answer.json["errors"][0]["limit"]) == (409, "2 addresses")
    assert api.get("/blacklist").json["total"] == 0
    assert put(api, *({"ip": f"192.0.2.{n}"} for n in range(2))).status_code == 201
    assert put(api, *({"ip": f"192.0.2.{n}"} for n in range(2))).status_code == 200
    check_totals(api)


def test_the_allowlist_takes_many_and_says_which_bans_they_override(api: Api) -> None:
    api.ban("192.0.2.1")
    answer = put(api, {"ip": "192.0.2.0/24"}, {"ip": "198.51.100.1"}, name="allowlist")
    assert answer.status_code == 201
    assert [len(each.get("warnings", [])) for each in answer.json["entries"]] == [1, 0]


def test_a_repeated_request_gets_the_same_answer(api: Api) -> None:
    headers = {"Idempotency-Key": "once"}
    first = put(api, {"ip": "192.0.2.1"}, headers=headers)
    again = put(api, {"ip": "192.0.2.1"}, headers=headers)
    assert (again.status_code, again.json) == (201, first.json)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.get("/status").json["revision"]["committed"] == 1
    other = put(api, {"ip": "192.0.2.2"}, headers=headers)
    assert other.status_code == 422


def test_many_entries_count_as_one_write(api: Api) -> None:
    assert api.settings.__class__.writes_per_minute == 6_000
    assert api.settings.__class__.reads_per_minute == 12_000
    body = [{"ip": f"192.0.2.{n}"} for n in range(100)]
    spent = api.node.gate._rates["write"]._spent
    put(api, *body)
    assert [len(times) for times in spent.values()] == [1]
