"""``/baseline``, without an agent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.history.rates import ATTACKED, PERIODS, bucket_of, upper_bound
from api.management.baseline.service import percentile
from api.management.settings import ApiSettings
from dataplane.shared.incidents import BaselinePeriod
from tests.api.conftest import Api
from tests.support.values.recorded import Recorded

HOUR = 360
"""Periods."""


@pytest.fixture
def recorded(settings: ApiSettings) -> Iterator[Recorded]:
    found = Recorded(settings.events)
    yield found
    found.close()


def fill(recorded: Recorded, profile: str = "web") -> None:
    """An hour on Monday, 00:00, with a SYN a second; one on Tuesday, 01:00, with a peak."""
    recorded.rates(profile, 0, PERIODS, 0, HOUR)
    recorded.rates(profile, 0, "syns", bucket_of(1), HOUR)
    recorded.rates(profile, 25, PERIODS, 0, HOUR)
    recorded.rates(profile, 25, ATTACKED, 0, 36)
    recorded.rates(profile, 25, "syns", bucket_of(1), HOUR - 8)
    recorded.rates(profile, 25, "syns", bucket_of(1000), 8)
    recorded.rates(profile, 25, "udp", bucket_of(64), 1)


def test_without_a_record_there_is_nothing(api: Api, recorded: Recorded) -> None:
    api.plane.baseline_period = BaselinePeriod(1, (), 2)
    assert api.get("/baseline").json == {
        "period_seconds": 10,
        "profiles_beyond": 2,
        "profiles": [],
    }


def test_each_metric_has_percentiles_over_all_hours_and_where_its_maximum_was(
    api: Api, recorded: Recorded
) -> None:
    fill(recorded)
    (web,) = api.get("/baseline").json["profiles"]
    assert web == {
        "profile": "web",
        "hours": 2.0,
        "hours_of_week": 2,
        "attacked_hours": 0.1,
        "metrics": [
            {
                "metric": "syns",
                "p50": 1,
                "p99": upper_bound(bucket_of(1000)),
                "p999": upper_bound(bucket_of(1000)),
                "max": upper_bound(bucket_of(1000)),
                "max_hour_of_week": 25,
                "by_hour": None,
            },
            {
                "metric": "udp",
                "p50": 0,
                "p99": 0,
                "p999": 64,
                "max": 64,
                "max_hour_of_week": 25,
                "by_hour": None,
            },
        ],
    }


def test_one_profile_comes_hour_by_hour(api: Api, recorded: Recorded) -> None:
    fill(recorded)
    fill(recorded, "mail")
    (web,) = api.get("/baseline?profile=web").json["profiles"]
    syns, udp = web["metrics"]
    peak = upper_bound(bucket_of(1000))
    assert syns["by_hour"] == [
        {"hour_of_week": 0, "hours": 1.0, "p50": 1, "p99": 1, "max": 1},
        {"hour_of_week": 25, "hours": 1.0, "p50": 1, "p99": peak, "max": peak},
    ]
    assert [each["hour_of_week"] for each in udp["by_hour"]] == [25]


def test_a_profile_of_which_nothing_is_recorded_has_no_answer(api: Api, recorded: Recorded) -> None:
    fill(recorded)
    assert api.get("/baseline?profile=mail").json["profiles"] == []


def test_the_past_is_told_while_the_data_plane_is_away(api: Api, recorded: Recorded) -> None:
    fill(recorded)
    api.plane.away = True
    body = api.get("/baseline").json
    assert (body["profiles_beyond"], len(body["profiles"])) == (None, 1)


def test_without_an_agent_it_is_unavailable(api: Api) -> None:
    assert api.get("/baseline").status_code == 503


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.5, 0), (0.9, 0), (0.91, 4), (0.98, 4), (0.981, 16), (1.0, 16)],
)
def test_a_percentile_counts_periods_without_any(share: float, expected: int) -> None:
    histogram = {bucket_of(4): 80, bucket_of(16): 20}
    assert percentile(histogram, 1000, share) == expected
