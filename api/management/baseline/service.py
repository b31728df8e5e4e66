"""Computes percentiles from the histograms that the agent has recorded."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from sqlalchemy import Connection, func, select

from api.history.rates import ATTACKED, PERIOD_S, PERIODS, upper_bound
from api.history.tables import baseline
from api.management.baseline.schemas import HourBody, MetricBody, ProfileBody
from dataplane.shared.labels import THRESHOLDS

Histogram: TypeAlias = dict[int, int]
"""Counts by bucket."""
_HOUR_S = 3600
_P50, _P99, _P999 = 0.5, 0.99, 0.999


def profiles(connection: Connection, only: str | None) -> list[ProfileBody]:
    """All profiles, or one with its hours; empty if nothing is recorded."""
    sums = _sums(connection, only)
    hours_of_week = _hours_of_week(connection)
    by_hour = {} if only is None else _by_hour(connection, only)
    peak_hours = _peak_hours(connection, only)
    return [
        ProfileBody(
            profile=name,
            hours=_hours(_count(metrics, PERIODS)),
            hours_of_week=hours_of_week.get(name, 0),
            attacked_hours=_hours(_count(metrics, ATTACKED)),
            metrics=[
                _metric(
                    metric,
                    metrics[metric],
                    _count(metrics, PERIODS),
                    peak_hours[name, metric],
                    None if only is None else _hour_bodies(by_hour, metric),
                )
                for metric in THRESHOLDS
                if metric in metrics
            ],
        )
        for name, metrics in sorted(sums.items())
    ]


def percentile(histogram: Mapping[int, int], periods: int, share: float) -> int:
    """The rate that this share of the periods does not exceed; periods without traffic count."""
    rank = math.ceil(share * periods)
    below = periods - sum(histogram.values())
    for bucket in sorted(histogram):
        if rank <= below:
            break
        below += histogram[bucket]
        if rank <= below:
            return upper_bound(bucket)
    return 0


def _metric(
    name: str, histogram: Histogram, periods: int, hour: int, by_hour: list[HourBody] | None
) -> MetricBody:
    return MetricBody(
        metric=name,
        p50=percentile(histogram, periods, _P50),
        p99=percentile(histogram, periods, _P99),
        p999=percentile(histogram, periods, _P999),
        max=upper_bound(max(histogram)),
        max_hour_of_week=hour,
        by_hour=by_hour,
    )


def _hour_bodies(by_hour: dict[int, dict[str, Histogram]], metric: str) -> list[HourBody]:
    return [
        HourBody(
            hour_of_week=hour,
            hours=_hours(_count(metrics, PERIODS)),
            p50=percentile(metrics[metric], _count(metrics, PERIODS), _P50),
            p99=percentile(metrics[metric], _count(metrics, PERIODS), _P99),
            max=upper_bound(max(metrics[metric])),
        )
        for hour, metrics in sorted(by_hour.items())
        if metric in metrics
    ]


def _sums(connection: Connection, only: str | None) -> dict[str, dict[str, Histogram]]:
    column = baseline.c
    query = select(column.profile, column.metric, column.bucket, func.sum(column.count)).group_by(
        column.profile, column.metric, column.bucket
    )
    found: dict[str, dict[str, Histogram]] = defaultdict(lambda: defaultdict(dict))
    if only is not None:
        query = query.where(column.profile == only)
    for profile, metric, bucket, count in connection.execute(query):
        found[profile][metric][bucket] = count
    return found


def _by_hour(connection: Connection, profile: str) -> dict[int, dict[str, Histogram]]:
    found: dict[int, dict[str, Histogram]] = defaultdict(lambda: defaultdict(dict))
    column = baseline.c
    query = select(column.hour_of_week, column.metric, column.bucket, column.count)
    for hour, metric, bucket, count in connection.execute(query.where(column.profile == profile)):
        found[hour][metric][bucket] = count
    return found


def _hours_of_week(connection: Connection) -> dict[str, int]:
    column = baseline.c
    query = select(column.profile, func.count()).where(column.metric == PERIODS)
    rows = connection.execute(query.group_by(column.profile))
    return {row[0]: row[1] for row in rows}


def _peak_hours(connection: Connection, only: str | None) -> dict[tuple[str, str], int]:
    """The hour of the highest bucket, by profile and metric.

    SQLite takes the other columns from the row with the maximum (lang_select.html, section 2.5).
    """
    column = baseline.c
    query = select(column.profile, column.metric, column.hour_of_week, func.max(column.bucket))
    if only is not None:
        query = query.where(column.profile == only)
    rows = connection.execute(query.group_by(column.profile, column.metric))
    return {(profile, metric): hour for profile, metric, hour, _ in rows}


def _count(metrics: Mapping[str, Histogram], name: str) -> int:
    return metrics.get(name, {}).get(0, 0)


def _hours(periods: int) -> float:
    return round(periods * PERIOD_S / _HOUR_S, 2)
