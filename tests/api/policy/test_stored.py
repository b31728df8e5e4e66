"""Policies that an earlier release has taken and this one refuses: shown as they are, never in
force again, and in nobody's way. And what is sent is validated once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import update

from api.common import policies as documents
from api.management.database.tables import policies
from dataplane.base.errors import InvalidInputError
from dataplane.policy import PolicyDocument
from dataplane.policy.input import parsing
from dataplane.policy.rules.sources.blacklist import BlacklistRule
from dataplane.shared.stats import RejectedWhole
from dataplane.statelog import StateLogReader

from ..conftest import Api

LAND = {"type": "sanity", "action": "monitor", "reasons": ["land"]}
GONE = {"type": "sanity", "action": "off", "reasons": ["teardrop"]}
OLD = {
    "name": "old",
    "mode": "watch",
    "rules": [LAND, GONE, {"type": "tarpit", "action": "enforce", "delay_ms": 9}],
    "profiles": [{"name": "Web Shop", "targets": ["198.51.100.0/24"], "rules": [GONE]}],
    "colour": {"of": "the past"},
}
"""Refused: a mode, a reason, a type, a name and a field that this release does not know."""
NEW = {"name": "new", "rules": [LAND]}


def store(api: Api, revision: int, document: dict[str, Any]) -> None:
    """What a revision holds, as another release would have written it."""
    with api.node.database.write() as connection:
        of_revision = policies.c.revision == revision
        connection.execute(update(policies).where(of_revision).values(document=document))


@pytest.fixture
def old(api: Api) -> Api:
    """The second of three policies, and the newest one, are such."""
    for name in ("first", "second", "third"):
        assert api.call("PUT", "/policy", json={"name": name}).status_code == 200
    store(api, 2, OLD)
    store(api, 3, OLD)
    return api


def test_they_are_shown_as_they_are(old: Api) -> None:
    assert old.get("/policy").json["policy"] == OLD
    assert old.get("/policy/history/2").json["policy"] == OLD
    rows = [
        (row["revision"], row["name"], row["rules"], row["profiles"])
        for row in old.get("/policy/history").json["history"]
    ]
    assert rows == [(3, "old", 4, 1), (2, "old", 4, 1), (1, "first", 0, 0)]


@pytest.mark.parametrize("document", [{}, {"name": 7, "rules": 8, "profiles": [9]}])
def test_whatever_is_stored_is_shown(old: Api, document: dict[str, Any]) -> None:
    store(old, 3, document)
    assert old.get("/policy").json["policy"] == document
    assert old.get("/policy/history").json["history"][0]["rules"] == 0
    assert old.call("PUT", "/policy", json=NEW).status_code == 200


def test_the_difference_to_one_names_what_is_refused_by_its_place(old: Api) -> None:
    answer = old.call("PUT", "/policy?dry_run=true", json=NEW)
    assert answer.status_code == 200
    found = {
        (change["profile"], change["setting"]): (change["before"], change["after"])
        for change in answer.json["changes"]
    }
    gone = '{"type":"sanity","action":"off","reasons":["teardrop"]}'
    assert found == {
        ("default", "mode"): ("watch", "default"),
        ("default", "colour"): ('{"of":"the past"}', "default"),
        ("default", "rules[1]"): (gone, "default"),
        ("default", "rules[2]"): ('{"type":"tarpit","action":"enforce","delay_ms":9}', "default"),
        ("Web Shop", "targets"): ("198.51.100.0/24", "default"),
        ("Web Shop", "rules[0]"): (gone, "default"),
    }, "and not `land`, which both have in monitor mode"


@pytest.mark.parametrize("body", [{}, {"revision": 2}])
def test_a_rollback_to_one_is_refused_with_the_reason(old: Api, body: dict[str, Any]) -> None:
    answer = old.post("/policy/rollback", body)
    assert answer.status_code == 422
    assert answer.json["detail"].startswith("the policy of revision 2 is none for this release: ")
    fields = [error["field"] for error in answer.json["errors"]]
    assert fields[0] == "mode"
    assert {"colour", "rules[2].type", "profiles[0].name"} <= set(fields)
    assert old.get("/policy").json["revision"] == 3


def test_a_rollback_past_one_is_taken(old: Api) -> None:
    answer = old.post("/policy/rollback", {"revision": 1})
    assert (answer.status_code, answer.json["revision"]) == (200, 4)
    assert old.get("/policy").json["policy"] == {"name": "first", "rules": []}


def test_one_that_is_in_force_starts_with_the_api_and_goes_to_the_data_plane(old: Api) -> None:
    again = old.restart()
    try:
        assert again.get("/health/ready").status_code == 200
        assert again.get("/policy").json["policy"] == OLD
        assert again.node.publisher.renew("a test")
        reader = StateLogReader(again.settings.state_log)
        with reader.snapshot(reader.generations()[0]) as snapshot:
            assert snapshot.policy == OLD
    finally:
        again.close()


def test_the_rejection_of_a_snapshots_policy_is_told_of_the_revision_that_made_it(
    old: Api,
) -> None:
    """A snapshot bears the revision of its newest change, here of a ban."""
    ban = old.ban("192.0.2.1").json
    old.plane.rejected.append(RejectedWhole(4, "rules[1]: no such reason", "policy"))
    shown = old.get("/policy").json
    assert (shown["revision"], shown["state"]) == (3, "rejected")
    reason = "the policy was rejected: rules[1]: no such reason"
    assert old.get("/revisions/3").json["reason"] == reason
    assert old.get("/revisions/4").json["state"] == ban["state"] == "in_force"


def test_what_is_sent_is_validated_once_and_what_is_stored_never(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[str] = Counter()
    check_rule, check = BlacklistRule.check, parsing.check

    def counted_rule(rule: BlacklistRule, path: str) -> Iterator[InvalidInputError]:
        calls["rule"] += 1
        return check_rule(rule, path)

    def counted(policy: PolicyDocument) -> Iterator[InvalidInputError]:
        calls["policy"] += 1
        return check(policy)

    monkeypatch.setattr(BlacklistRule, "check", counted_rule)
    monkeypatch.setattr(parsing, "check", counted)
    sent = {"name": "x", "rules": [{"type": "blacklist"}]}
    assert api.call("PUT", "/policy", json=sent).status_code == 200
    assert calls == {"policy": 1, "rule": 1}
    for path in ("/policy", "/policy/history", "/policy/history/1"):
        assert api.get(path).status_code == 200
    assert calls == {"policy": 1, "rule": 1}


def test_what_was_validated_is_what_is_applied(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """No model reads once more what was sent."""
    monkeypatch.setattr(documents, "parse_policy", lambda _: PolicyDocument(name="validated"))
    assert api.call("PUT", "/policy", json={"name": 7}).status_code == 200
    assert api.get("/policy").json["policy"]["name"] == "validated"
