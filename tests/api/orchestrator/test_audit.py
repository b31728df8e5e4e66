"""The fleet's audit trail: before and after of each kind of change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

DOCUMENT = {"name": "first", "mode": "monitor"}


def newest(admin: FlaskClient, action: str) -> dict[str, Any]:
    answer = admin.get(f"/api/v1/audit?limit=1&action={action}")
    row: dict[str, Any] = answer.json["audit"][0]  # type: ignore[index]
    return row


def test_a_ban_is_told_as_it_was_and_as_it_is(admin: FlaskClient) -> None:
    ban = {"ip": "192.0.2.7", "reason": "one", "duration_seconds": 60}
    admin.post("/api/v1/blacklist", json=ban)
    row = newest(admin, "blacklist.put")
    assert row["before"] is None
    assert row["after"] == {
        "ip": "192.0.2.7",
        "origin": "fleet",
        "reason": "one",
        "duration_seconds": 60,
        "created_at": "2026-09-21T14:13:20.000Z",
        "created_by": "admin",
        "expires_at": "2026-09-21T14:14:20.000Z",
    }
    admin.post("/api/v1/blacklist", json={"ip": "192.0.2.7", "reason": "two"})
    changed = newest(admin, "blacklist.put")
    assert changed["before"] == row["after"]
    assert (changed["after"]["reason"], changed["after"]["expires_at"]) == ("two", None)
    admin.delete("/api/v1/blacklist/192.0.2.7")
    gone = newest(admin, "blacklist.remove")
    assert (gone["before"], gone["after"]) == (changed["after"], None)


def test_of_many_entries_the_first_twenty_are_told(admin: FlaskClient) -> None:
    admin.post("/api/v1/blacklist", json={"ip": "192.0.2.3", "reason": "earlier"})
    entries = [{"ip": f"192.0.2.{n}"} for n in range(25)]
    admin.post("/api/v1/blacklist", json={"entries": entries})
    row = newest(admin, "blacklist.put")
    assert [each["ip"] for each in row["before"]["entries"]] == ["192.0.2.3"]
    assert (len(row["after"]["entries"]), row["after"]["left_out"]) == (20, 5)


def test_a_rule_is_told(admin: FlaskClient) -> None:
    rule = {"pattern": "a", "action": "block", "name": "sql", "group": "beta"}
    made = admin.post("/api/v1/rules", json=rule).json["id"]  # type: ignore[index]
    row = newest(admin, "rules.add")
    assert row["before"] is None
    assert row["after"] == {**rule, "severity": "medium", "enabled": True}
    admin.patch(f"/api/v1/rules/{made}", json={"enabled": False})
    changed = newest(admin, "rules.change")
    assert changed["before"] == row["after"]
    assert changed["after"] == {**row["after"], "enabled": False}
    admin.delete(f"/api/v1/rules/{made}")
    gone = newest(admin, "rules.remove")
    assert (gone["before"], gone["after"]) == (changed["after"], None)


def test_a_policy_is_told(admin: FlaskClient) -> None:
    admin.post("/api/v1/policy", json=DOCUMENT)
    row = newest(admin, "policy")
    deployed = {"name": "first", "mode": "monitor", "deployment": 1, "selector": ""}
    assert (row["before"], row["after"]) == (None, {"revision": 1, **deployed})
    admin.post("/api/v1/policy", json={"name": "second"})
    row = newest(admin, "policy")
    assert row["before"] == {"revision": 1, "name": "first", "mode": "monitor"}
    assert (row["after"]["revision"], row["after"]["mode"]) == (2, "enforce")


@pytest.mark.parametrize(
    ("verb", "state", "by"), [("confirm", "rolling", "admin"), ("cancel", "cancelled", None)]
)
def test_a_deployment_is_told(admin: FlaskClient, verb: str, state: str, by: str | None) -> None:
    admin.post("/api/v1/policy?confirm_within=60", json=DOCUMENT)
    admin.post(f"/api/v1/deployments/1/{verb}")
    row = newest(admin, f"deployment.{verb}")
    assert row["before"]["state"] == "rolling"
    assert row["after"]["state"] == state
    assert (row["before"]["confirmed_by"], row["after"]["confirmed_by"]) == (None, by)


def test_a_token_is_told_without_its_text(admin: FlaskClient) -> None:
    wanted = {"name": "rack-1", "uses_max": 3, "expires_in_seconds": 60}
    made = admin.post("/api/v1/tokens", json=wanted).json
    assert made is not None
    row = newest(admin, "token.make")
    ends = "2026-09-21T14:14:20.000Z"
    told = {"name": "rack-1", "uses": 0, "uses_max": 3, "expires_at": ends}
    assert (row["before"], row["after"]) == (None, told)
    admin.delete(f"/api/v1/tokens/{made['id']}")
    gone = newest(admin, "token.remove")
    assert (gone["before"], gone["after"]) == (told, None)


def test_a_node_is_told(admin: FlaskClient, enrol: Callable[..., FlaskClient]) -> None:
    enrol(labels={"site": "fra"})
    row = newest(admin, "node.register")
    assert row["before"] is None
    assert row["after"] == {
        "uuid": "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002",
        "address": "10.0.1.10:9090",
        "version": "0.1.0",
        "labels": {"site": "fra"},
        "desired": "active",
    }
    admin.delete("/api/v1/nodes/node-1")
    gone = newest(admin, "node.delete")
    assert (gone["before"], gone["after"]) == (row["after"], None)
