"""Queries and answers of ``/baseline``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.common.contract.schemas import Strict
from api.history.rates import HOURS_OF_WEEK
from dataplane.policy.document import PROFILE_NAME_LENGTH_MAX

HourOfWeek = Annotated[int, Field(ge=0, lt=HOURS_OF_WEEK)]
"""0: Monday, 00:00 to 01:00 UTC."""


class BaselineQuery(Strict):
    """One profile with its hours; else all profiles, without the hours."""

    profile: Annotated[str, Field(min_length=1, max_length=PROFILE_NAME_LENGTH_MAX)] | None = None


class HourBody(Strict):
    """A metric in an hour of the week."""

    hour_of_week: HourOfWeek
    hours: float
    """Recorded periods, over all weeks."""
    p50: int
    p99: int
    max: int


class MetricBody(Strict):
    """Rates per second of the address that had most, in periods of ten seconds.

    Each is the upper bound of its bucket: at most 19 in 100 too high.
    """

    metric: str
    """A field of the policy's rule `detection`."""
    p50: int
    p99: int
    p999: int
    max: int
    max_hour_of_week: HourOfWeek
    by_hour: list[HourBody] | None = None
    """Hours with traffic; only if one profile was requested."""


class ProfileBody(Strict):
    """The usual rates of a profile's addresses."""

    profile: str
    hours: float
    """Recorded periods."""
    hours_of_week: int
    """Different hours of the week among them, of 168."""
    attacked_hours: float
    """Periods left out because of an incident."""
    metrics: list[MetricBody]
    """Metrics with traffic."""


class BaselineBody(Strict):
    """Baselines by the names of the profiles."""

    period_seconds: int
    profiles_beyond: int | None
    """Profiles in force that are not recorded, as there are too many; null: the data plane is
    away."""
    profiles: list[ProfileBody]
