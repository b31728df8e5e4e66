"""When something is tried again."""

from __future__ import annotations

from api.webhooks.backoff import BackOff


def test_waits_double_up_to_the_limit() -> None:
    found = [BackOff(1, 3600).wait_ms(failures, 0.5) for failures in range(1, 15)]
    assert found[:5] == [1000, 2000, 4000, 8000, 16_000]
    assert found[-2:] == [3_600_000, 3_600_000]
    assert BackOff(1, 3600).wait_ms(10**9, 0.5) == 3_600_000


def test_waits_spread_by_a_fifth() -> None:
    back_off = BackOff(10, 10)
    assert (back_off.wait_ms(1, 0), back_off.wait_ms(1, 1)) == (8_000, 12_000)
    assert back_off.longest_ms == 12_000


def test_the_default_tries_for_hours() -> None:
    assert sum(BackOff().wait_ms(failures, 0) for failures in range(1, 16)) > 3 * 3_600_000
