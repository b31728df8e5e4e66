"""What is known of the orchestrator, and what of it degrades the node."""

from __future__ import annotations

import time

import pytest

from api.agent.fleet.orchestrator.contact import UP_S_MAX, Contact


@pytest.mark.parametrize(
    ("theirs_ms", "ours_ms", "took_ms", "is_off"),
    [
        (100_000, 100_000, 0, False),
        (100_000, 105_000, 0, False),
        (100_000, 105_001, 0, True),
        (105_001, 100_000, 0, True),
        (100_000, 109_000, 4_000, False),  # the answer was on its way for so long
        (100_000, 109_001, 4_000, True),
    ],
)
def test_clock_that_is_off(theirs_ms: int, ours_ms: int, took_ms: int, is_off: bool) -> None:
    contact = Contact()
    contact.told_time(theirs_ms, ours_ms, took_ms)
    assert contact.view().reasons() == (["clock_off"] if is_off else [])


def test_orchestrator_that_is_away_degrades_nothing() -> None:
    contact = Contact()
    contact.answered()
    contact.failed()
    view, now_s = contact.view(), time.monotonic()
    assert view.is_up(now_s)
    assert not view.is_up(now_s + UP_S_MAX + 1)
    assert view.reasons() == []


def test_refusal_ends_with_the_next_answer() -> None:
    contact = Contact()
    contact.refused()
    assert contact.view().reasons() == ["fleet_refused"]
    contact.answered()
    assert contact.view().reasons() == []
