"""Faults of detection itself: it pauses, says so, and begins anew."""

from __future__ import annotations

import pytest

from dataplane.detection.pause import CALM_MS, FIRST_MS, LONGEST_MS, Pause
from tests.support.values.traffic import row
from tests.unit.detection.detection_support import WEB, Watched

FLOOD = row(syn=9000, packets=9000)


def test_a_fault_stops_detection_for_a_while_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    with monkeypatch.context() as patch:
        patch.setattr(watched.collector, "collect", lambda _ms: 1 / 0)
        watched.run(0.5, {WEB: FLOOD})
        assert watched.failures == [True]
        assert watched.view.read().detection.ticks == 10
    watched.run(1, {WEB: FLOOD})
    assert watched.failures == [True, False]
    assert watched.view.read().detection.failures == 1
    assert watched.view.read().detection.ticks > 10


def test_an_attack_that_goes_on_meanwhile_is_another_incident_afterwards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    with monkeypatch.context() as patch:
        patch.setattr(watched.collector, "collect", lambda _ms: 1 / 0)
        watched.tick({WEB: FLOOD})
    watched.run(2, {WEB: FLOOD})
    first, second = watched.incidents
    assert (first.ended_by, first.state, second.state) == ("failed", "ended", "active")
    assert second.number == first.number + 1
    assert watched.view.read().detection.active["syn_flood"] == 1


def test_an_incident_that_is_itself_the_fault_does_not_keep_detection_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    watched = Watched()
    watched.run(1, {WEB: FLOOD})
    with monkeypatch.context() as patch:
        patch.setattr(watched.collector, "evidence", lambda _target: 1 / 0)
        watched.run(5, {WEB: FLOOD})
    assert watched.failures[0] is True
    watched.run(10, {"203.0.113.11": FLOOD})
    assert watched.failures[-1] is False
    assert ("syn_flood", "203.0.113.11") in watched.types(state="active")


def test_the_pause_doubles_up_to_a_bound_and_is_short_again_after_a_calm_time() -> None:
    pause, boot_ms, found = Pause(), 1_000_000, []
    for _ in range(9):
        found.append(pause.begin(boot_ms))
        boot_ms += found[-1]
        assert not pause.lasts(boot_ms)
        assert pause.ends()
        assert not pause.ends()
    assert found[:3] == [FIRST_MS, 2 * FIRST_MS, 4 * FIRST_MS]
    assert found[-2:] == [LONGEST_MS, LONGEST_MS]
    assert pause.begin(boot_ms + CALM_MS + 1) == FIRST_MS
    assert pause.lasts(boot_ms + CALM_MS + 2)
