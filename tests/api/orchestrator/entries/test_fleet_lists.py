"""The fleet's blacklist and allowlist, as people use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select

from api.orchestrator.app import orchestrator_of
from api.orchestrator.database.tables.entries import fleet_entries
from api.orchestrator.entries import service
from tests.support.clock import FakeClock

Enrol = Callable[..., FlaskClient]
URL = "/api/v1/blacklist"


def ban(client: FlaskClient, ip: str, **more: Any) -> dict[str, Any]:
    answer = client.post(URL, json={"ip": ip} | more)
    assert answer.status_code in {200, 201}, answer.json
    found: dict[str, Any] = answer.json
    return found


def test_a_ban_of_the_contract_is_listed_with_its_fields(admin: FlaskClient) -> None:
    body = {"ip": "192.0.2.100", "reason": "repeated attacks", "duration_seconds": 3600}
    answer = admin.post(URL, json=body)
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{URL}/192.0.2.100"
    (found,) = admin.get(URL).json["blacklist"]
    assert body.items() <= found.items()
    assert found == answer.json
    assert found["origin"] == "fleet"
    assert found.items() <= admin.get(f"{URL}/192.0.2.100").json.items()


def test_the_same_network_again_replaces_the_entry(admin: FlaskClient) -> None:
    ban(admin, "::ffff:192.0.2.1", reason="one")
    again = admin.post(URL, json={"ip": "192.0.2.1", "reason": "two"})
    assert again.status_code == 200
    page = admin.get(URL).json
    assert page["total"] == 1
    assert page["blacklist"][0]["reason"] == "two"


def test_host_bits_are_refused(admin: FlaskClient) -> None:
    answer = admin.post(URL, json={"ip": "192.0.2.1/24"})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "ip"


def test_a_ban_that_the_allowlist_covers_is_refused_and_names_the_entry(
    admin: FlaskClient,
) -> None:
    assert admin.post("/api/v1/allowlist", json={"ip": "198.51.100.0/24"}).status_code == 201
    answer = admin.post(URL, json={"entries": [{"ip": "192.0.2.1"}, {"ip": "198.51.100.7"}]})
    assert answer.status_code == 409
    (error,) = answer.json["errors"]
    assert error["field"] == "entries.1.ip"
    assert error["limit"] == "allowlist entry 198.51.100.0/24"
    assert admin.get(URL).json["total"] == 0


def test_a_ban_around_an_allowed_network_is_a_warning_and_the_reverse_too(
    admin: FlaskClient,
) -> None:
    assert admin.post("/api/v1/allowlist", json={"ip": "198.51.100.7"}).status_code == 201
    (warning,) = ban(admin, "198.51.100.0/24")["warnings"]
    assert warning.startswith("198.51.100.7 ")
    answer = admin.post("/api/v1/allowlist", json={"ip": "198.51.100.0/25"})
    assert answer.json["warnings"] == [
        "the ban of 198.51.100.0/24 does not act where 198.51.100.0/25 allows"
    ]


def test_an_ipv4_entry_does_not_lie_within_an_ipv6_prefix(admin: FlaskClient) -> None:
    assert admin.post("/api/v1/allowlist", json={"ip": "192.0.2.1"}).status_code == 201
    assert "warnings" not in ban(admin, "::/19")


@pytest.mark.parametrize("ip", ["0.0.0.0/0", "::/0"])
def test_all_addresses_of_a_family_need_force(admin: FlaskClient, ip: str) -> None:
    refused = admin.post(URL, json={"ip": ip})
    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "ip")
    taken = admin.post(f"{URL}?force=true", json={"ip": ip})
    assert taken.status_code == 201
    assert "is shorter than" in taken.json["warnings"][0]


def test_what_is_removed_is_gone_and_what_is_not_there_is_404(admin: FlaskClient) -> None:
    ban(admin, "203.0.113.0/24")
    assert admin.delete(f"{URL}/203.0.113.0/24").status_code == 204
    assert admin.delete(f"{URL}/203.0.113.0%2F24").status_code == 404
    assert admin.get(f"{URL}/203.0.113.0/24").status_code == 404


def test_an_entry_ends_by_the_database_s_clock(admin: FlaskClient, clock: FakeClock) -> None:
    ban(admin, "192.0.2.1", duration_seconds=60)
    clock.pass_ms(60_000)
    assert admin.get(URL).json == {"blacklist": [], "total": 0, "next_cursor": None}
    assert admin.delete(f"{URL}/192.0.2.1").status_code == 404
    ban(admin, "192.0.2.1")


def test_pages_of_one_list_hold_every_entry_once(admin: FlaskClient) -> None:
    wanted = [f"192.0.2.{n}" for n in range(25)]
    answer = admin.post(URL, json={"entries": [{"ip": ip} for ip in reversed(wanted)]})
    assert (answer.status_code, answer.json["created"]) == (201, 25)
    admin.post("/api/v1/allowlist", json={"ip": "10.0.0.1"})
    found, cursor = [], ""
    while True:
        page = admin.get(f"{URL}?limit=7{cursor}").json
        found += [each["ip"] for each in page["blacklist"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert found == wanted


def test_lists_that_are_full_refuse_all_of_a_request(
    admin: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ENTRIES_MAX", 2)
    ban(admin, "192.0.2.1")
    answer = admin.post(URL, json={"entries": [{"ip": "192.0.2.2"}, {"ip": "192.0.2.3"}]})
    assert answer.status_code == 409
    assert answer.json["errors"][0]["limit"] == "2 entries"
    assert admin.get(URL).json["total"] == 1


def test_a_repeated_request_has_the_answer_of_the_first(admin: FlaskClient) -> None:
    headers = {"Idempotency-Key": "a-key-of-a-test"}
    first = admin.post(URL, json={"ip": "192.0.2.1"}, headers=headers)
    again = admin.post(URL, json={"ip": "192.0.2.1"}, headers=headers)
    assert (again.status_code, again.json) == (first.status_code, first.json)


def test_a_change_is_in_the_audit_trail(admin: FlaskClient) -> None:
    change = ban(admin, "192.0.2.1")["revision"]
    newest = admin.get("/api/v1/audit").json["audit"][0]
    assert (newest["action"], newest["target"]) == ("blacklist.put", "192.0.2.1")
    assert newest["revision"] == change


def test_a_node_changes_no_list(enrol: Enrol) -> None:
    assert enrol("node-1").post(URL, json={"ip": "192.0.2.1"}).status_code == 403


def test_what_has_ended_is_purged(
    fleet: Flask, admin: FlaskClient, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "_PURGED_AT_ONCE", 2)
    for n in range(5):
        ban(admin, f"192.0.2.{n}", duration_seconds=60)
    ban(admin, "198.51.100.1")
    clock.pass_ms(60_000)
    made = orchestrator_of(fleet)
    service.FleetLists(made.database, clock).purge()
    with made.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(fleet_entries)).scalar() == 1
