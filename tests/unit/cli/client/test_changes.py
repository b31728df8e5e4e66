"""A change that is not in force at once: it is said, waited for, or fails."""

from __future__ import annotations

from typing import Any

from tests.unit.cli.lists.documents import ENTRY


def test_pending_is_said(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"}, Location="/api/v1/revisions/7")
    done = secbeat("blacklist", "add", "192.0.2.7")
    assert done.code == 0
    assert "pending: committed, not yet in force (revision 7)" in done.out


def test_wait_polls_until_in_force(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"}, Location="/api/v1/revisions/7")
    api.answers_with(200, {"revision": 7, "state": "pending"})
    api.answers_with(200, {"revision": 7, "state": "in_force"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--wait", "--json")
    assert [request.path for request in api.requests[1:]] == ["/api/v1/revisions/7"] * 2
    assert done.json["state"] == "in_force"


def test_wait_goes_on_while_the_api_restarts(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"}, Location="/api/v1/revisions/7")
    api.answers_with(503, {"title": "away", "status": 503})
    api.answers_with(200, {"revision": 7, "state": "in_force"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--wait", "--timeout", "60")
    assert done.code == 0, done.err
    assert done.err == "secbeat: away (HTTP 503); asking again for at most 60 s\n"


def test_wait_says_what_was_rejected(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"})
    api.answers_with(200, {"revision": 7, "state": "rejected", "reason": "table is full"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--wait")
    assert (done.code, done.err) == (1, "secbeat: revision 7 was rejected: table is full\n")


def test_rejected_at_once_is_no_success(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "rejected"})
    api.answers_with(200, {"revision": 7, "state": "rejected", "reason": "table is full"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--json")
    assert (done.code, done.out) == (1, "")
    assert done.err == "secbeat: revision 7 was rejected: table is full\n"


def test_wait_ends(api: Any, secbeat: Any) -> None:
    api.answers_with(202, {**ENTRY, "state": "pending"})
    api.answers_with(200, {"revision": 7, "state": "pending"})
    done = secbeat("blacklist", "add", "192.0.2.7", "--wait", "--timeout", "0.1")
    assert done.code == 75
    assert "still pending after 0.1 s" in done.err
