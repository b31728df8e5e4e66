"""The policy with what is laid over it, and its end on the boot clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from dataplane.base.clock import Deadline
from dataplane.base.errors import InvalidInputError, NativeError
from dataplane.reconcile.overlaid import Overlaid
from dataplane.statelog import Overlay
from tests.support.clock import FakeClock

PANIC = {"kind": "panic"}
LIMIT = {"kind": "limit", "profile": "web", "value": 9}


class Spy:
    """Profiles and statistics."""

    def __init__(self) -> None:
        self.document: Mapping[str, Any] | None = None
        self.laid: list[Mapping[str, Any]] = []
        self.told = (0, 0)
        self.error: Exception | None = None
        self.applied = 0

    def apply(
        self, document: Mapping[str, Any] | None, overlays: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        if self.error is not None:
            raise self.error
        self.document, self.laid = document, list(overlays)
        self.applied += 1

    def overlays(self, count: int, panic_until_boot_ms: int) -> None:
        self.told = (count, panic_until_boot_ms)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def spy() -> Spy:
    return Spy()


@pytest.fixture
def overlaid(spy: Spy, clock: FakeClock) -> Overlaid:
    return Overlaid(spy, spy, clock)


def test_policy_and_overlays_are_in_force_together(
    overlaid: Overlaid, spy: Spy, clock: FakeClock
) -> None:
    overlaid.apply({"name": "a"})
    overlaid.lay_over([Overlay(LIMIT, Deadline.after(clock, 10))])
    assert (spy.document, spy.laid) == ({"name": "a"}, [LIMIT])
    overlaid.apply({"name": "b"})
    assert (spy.document, spy.laid) == ({"name": "b"}, [LIMIT])
    assert spy.told == (1, 0)


def test_an_overlay_ends_by_itself(overlaid: Overlaid, spy: Spy, clock: FakeClock) -> None:
    ends = Deadline.after(clock, 10)
    overlaid.lay_over([Overlay(PANIC, ends), Overlay(LIMIT, Deadline.after(clock, 20))])
    assert spy.told == (2, ends.boot_ms)
    clock.pass_ms(9_999)
    overlaid.turn()
    assert spy.laid == [PANIC, LIMIT]
    clock.pass_ms(1)
    overlaid.turn()
    assert spy.laid == [LIMIT]
    assert spy.told == (1, 0)


def test_nothing_is_done_while_nothing_has_ended(
    overlaid: Overlaid, spy: Spy, clock: FakeClock
) -> None:
    overlaid.lay_over([Overlay(PANIC, Deadline.after(clock, 10))])
    before = spy.applied
    overlaid.turn()
    assert spy.applied == before


def test_one_that_is_over_is_not_laid(overlaid: Overlaid, spy: Spy, clock: FakeClock) -> None:
    ended = Deadline.after(clock, 10)
    clock.pass_ms(10_000)
    overlaid.lay_over([Overlay(PANIC, ended)])
    assert (spy.laid, spy.told) == ([], (0, 0))


def test_after_a_reboot_it_lasts_as_long_as_utc_says(
    overlaid: Overlaid, spy: Spy, clock: FakeClock
) -> None:
    ends = Deadline.after(clock, 100)
    clock.reboot(off_ms=30_000, up_ms=20_000)
    overlaid.lay_over([Overlay(PANIC, ends)])
    assert spy.told == (1, clock.boot_ms() + 50_000)


def test_a_step_of_the_wall_clock_ends_nothing(
    overlaid: Overlaid, spy: Spy, clock: FakeClock
) -> None:
    overlaid.lay_over([Overlay(PANIC, Deadline.after(clock, 10))])
    clock.step_ms(3_600_000)
    overlaid.turn()
    assert spy.laid == [PANIC]


def test_what_can_not_be_applied_changes_nothing(
    overlaid: Overlaid, spy: Spy, clock: FakeClock
) -> None:
    overlaid.lay_over([Overlay(LIMIT, Deadline.after(clock, 10))])
    spy.error = InvalidInputError("no", field="x", value=1, limit="y")
    with pytest.raises(InvalidInputError):
        overlaid.lay_over([Overlay(PANIC, Deadline.after(clock, 10))])
    spy.error = None
    overlaid.apply({"name": "b"})
    assert spy.laid == [LIMIT]


def test_an_end_that_can_not_be_applied_yet_is_tried_again(
    overlaid: Overlaid, spy: Spy, clock: FakeClock
) -> None:
    overlaid.lay_over([Overlay(PANIC, Deadline.after(clock, 10))])
    clock.pass_ms(10_000)
    spy.error = NativeError("busy", 11)
    overlaid.turn()
    assert spy.laid == [PANIC]
    spy.error = None
    overlaid.turn()
    assert spy.laid == []
