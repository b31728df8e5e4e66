"""A deadline ends when it should, whatever happens to the wall clock."""

from __future__ import annotations

import pytest

from dataplane.base.clock import Clock, Deadline, SystemClock
from tests.support.clock import DAY_MS, FakeClock


@pytest.mark.parametrize("step_ms", [-DAY_MS, DAY_MS])
def test_within_a_boot_a_clock_step_changes_nothing(step_ms: int) -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 3600)
    clock.step_ms(step_ms)
    clock.pass_ms(600_000)
    assert deadline.remaining_ms(clock) == 3_000_000


def test_a_deadline_that_is_over_has_nothing_left() -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 10)
    clock.pass_ms(10_001)
    assert deadline.remaining_ms(clock) == 0


def test_after_a_reboot_utc_decides() -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 3600)
    clock.reboot(off_ms=600_000, up_ms=30_000)
    assert deadline.remaining_ms(clock) == 3_600_000 - 630_000


def test_after_a_reboot_with_the_clock_set_back_it_never_exceeds_the_duration() -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 3600)
    clock.reboot()
    clock.step_ms(-DAY_MS)
    assert deadline.remaining_ms(clock) == 3_600_000
    clock.pass_ms(3_000_000)  # and a later restart within this boot does not begin anew
    assert deadline.remaining_ms(clock) == 600_000


def test_after_a_reboot_with_the_clock_set_forward_it_is_over() -> None:
    clock = FakeClock()
    deadline = Deadline.after(clock, 3600)
    clock.reboot()
    clock.step_ms(DAY_MS)
    assert deadline.remaining_ms(clock) == 0


def test_the_kernel_says_when_and_which_boot() -> None:
    clock: Clock = SystemClock()
    assert clock.boot_id() == clock.boot_id()
    before = clock.boot_ms()
    assert 0 < before <= clock.boot_ms()
    assert clock.utc_ms() > 1_700_000_000_000
