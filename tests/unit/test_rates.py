"""Buckets and hours of the baseline."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from api.history.rates import BUCKET_MAX, bucket_of, hour_of_week, upper_bound

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize("rate", [1, 2, 3, 5, 99, 1000, 1023, 1024, 1025, 10**6, 4 * 10**11])
def test_a_bucket_is_at_most_a_quarter_octave_wide(rate: int) -> None:
    assert rate <= upper_bound(bucket_of(rate)) <= rate * 2**0.25


def test_higher_rates_are_in_no_lower_bucket() -> None:
    buckets = [bucket_of(rate) for rate in range(1, 5000)]
    assert buckets == sorted(buckets)


def test_no_rate_is_beyond_the_last_bucket() -> None:
    assert bucket_of(2**64) == BUCKET_MAX


@pytest.mark.parametrize(("days", "hour", "expected"), [(0, 0, 0), (0, 23, 23), (6, 23, 167)])
def test_the_week_begins_on_monday_in_utc(days: int, hour: int, expected: int) -> None:
    at = MONDAY.replace(hour=hour).timestamp() + days * 86_400
    assert hour_of_week(int(at * 1000)) == expected
    assert hour_of_week(int(at * 1000) + 3_599_999) == expected
