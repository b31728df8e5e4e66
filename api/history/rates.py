"""Rates in the form of the table ``baseline``: histograms of the usual rates of a profile's
addresses.

A sample is the highest rate of any one address of a profile in a period of ten seconds. There are
four buckets per octave: a rate is reported as the upper bound of its bucket, at most 19 in 100 too
high. Periods without traffic have no row: `PERIODS` has the number of all periods.
"""

from __future__ import annotations

import math

from dataplane.shared.labels import BASELINE_PERIOD_S

PERIOD_S = BASELINE_PERIOD_S
PERIODS = "periods"
"""A pseudo metric: its bucket 0 counts the recorded periods."""
ATTACKED = "attacked"
"""In bucket 0, the periods that were left out because of an incident in the profile."""
HOURS_OF_WEEK = 168
BUCKET_MAX = 192
"""The bucket of rates of 2^48 per second and more."""
_PER_OCTAVE = 4
_HOUR_MS = 3_600_000
_MONDAY_HOURS = 72
"""1970 began on a Thursday, three days into its week."""


def bucket_of(rate: int) -> int:
    """The bucket of a rate of 1 or more."""
    return min(math.ceil(_PER_OCTAVE * math.log2(rate)), BUCKET_MAX)


def upper_bound(bucket: int) -> int:
    """The highest rate of a bucket."""
    return int(2 ** (bucket / _PER_OCTAVE))


def hour_of_week(utc_ms: int) -> int:
    """0: Monday, 00:00 to 01:00 UTC."""
    return (utc_ms // _HOUR_MS + _MONDAY_HOURS) % HOURS_OF_WEEK
