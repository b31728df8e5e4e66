"""``secbeat drain``: what it asks of the API and what it prints."""

from __future__ import annotations

from typing import Any

DRAIN = {"draining": True, "drain": {"since": "2026-01-01T00:00:00.000Z", "by": "admin"}}


def test_a_node_is_drained(api: Any, secbeat: Any) -> None:
    api.answers_with(200, DRAIN)
    done = secbeat("drain")
    assert (api.requests[0].method, api.requests[0].path) == ("POST", "/api/v1/drain")
    assert done.out == "the node drains since 2026-01-01T00:00:00.000Z, by admin\n"


def test_off_ends_it(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"draining": False, "drain": None})
    done = secbeat("drain", "--off")
    assert (api.requests[0].method, api.requests[0].path) == ("DELETE", "/api/v1/drain")
    assert (done.code, done.out) == (0, "the node works as usual\n")
