"""``secbeat drain``: what it asks of the API and what it prints."""

from __future__ import annotations

from typing import Any

import pytest

DRAIN = {
    "since": "2026-01-01T00:00:00.000Z",
    "by": "admin",
    "complete": False,
    "proxied_connections": 3,
    "quiet_seconds": 1.5,
    "connections_lost": 2,
    "takes_links_down": True,
}


@pytest.mark.parametrize(
    ("waiting_for", "progress"),
    [
        ("dataplane", "the data plane has not applied the drain yet"),
        ("connections", "3 proxied connections are still open"),
        ("traffic", "packets still arrive; quiet for 1.5 s"),
        (None, "the drain is complete, 2 proxied connections are lost"),
    ],
)
def test_a_node_is_drained_and_says_how_far_it_is(
    api: Any, secbeat: Any, waiting_for: str | None, progress: str
) -> None:
    api.answers_with(200, {"draining": True, "drain": {**DRAIN, "waiting_for": waiting_for}})
    done = secbeat("drain")
    assert (api.requests[0].method, api.requests[0].path) == ("POST", "/api/v1/drain")
    assert done.out == f"the node drains since 2026-01-01T00:00:00.000Z, by admin; {progress}\n"


def test_off_ends_it(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"draining": False, "drain": None})
    done = secbeat("drain", "--off")
    assert (api.requests[0].method, api.requests[0].path) == ("DELETE", "/api/v1/drain")
    assert (done.code, done.out) == (0, "the node works as usual\n")
