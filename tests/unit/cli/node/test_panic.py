"""``secbeat panic``: what it asks of the API and what it prints."""

from __future__ import annotations

from typing import Any

import pytest

ON = {
    "active": True,
    "since": "2026-01-01T00:00:00.000Z",
    "until": "2026-01-01T00:30:00.000Z",
    "by": "admin",
    "reason": None,
    "revision": 7,
    "state": "in_force",
}


def test_panic_alone_lasts_half_an_hour(api: Any, secbeat: Any) -> None:
    api.answers_with(200, ON)
    done = secbeat("panic")
    (request,) = api.requests
    assert (request.method, request.path) == ("POST", "/api/v1/panic")
    assert request.json == {"duration_seconds": 1800, "reason": None}
    assert done.code == 0
    assert done.out == (
        "panic mode is on: all profiles are in monitor until 2026-01-01T00:30:00.000Z: "
        "in force (revision 7)\n"
    )


def test_panic_with_a_time_and_a_reason(api: Any, secbeat: Any) -> None:
    api.answers_with(200, ON)
    done = secbeat("panic", "--for", "2h", "--reason", "shop is down", "--json")
    assert api.requests[0].json == {"duration_seconds": 7200, "reason": "shop is down"}
    assert done.json == ON


def test_off_ends_it(api: Any, secbeat: Any) -> None:
    api.answers_with(200, ON)
    api.answers_with(204)
    done = secbeat("panic", "--off")
    assert [(each.method, each.path) for each in api.requests] == [
        ("GET", "/api/v1/panic"),
        ("DELETE", "/api/v1/panic"),
    ]
    assert (done.code, done.out) == (0, "panic mode is off: in force\n")


def test_off_when_it_is_off_changes_nothing(api: Any, secbeat: Any) -> None:
    api.answers_with(200, {"active": False, "revision": None})
    done = secbeat("panic", "--off")
    assert (done.code, done.out) == (0, "panic mode is off: nothing is changed\n")
    assert secbeat("panic", "--off", "--json").json == {"active": False}
    assert {each.method for each in api.requests} == {"GET"}


@pytest.mark.parametrize("words", [("--for", "soon"), ("--for", "0"), ("30m",)])
def test_what_is_no_duration_is_refused_before_anything_is_asked(
    api: Any, secbeat: Any, words: tuple[str, ...]
) -> None:
    assert secbeat("panic", *words).code == 2
    assert api.requests == []
