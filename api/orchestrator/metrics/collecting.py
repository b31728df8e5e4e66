"""Makes Prometheus metrics from the workers' pages, and from the areas' database queries."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence

import structlog
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy import Connection

from api.common.disk import StorageError
from api.orchestrator.metrics.pages import BUCKETS_S, Pages, errors_of, requests_of
from api.storage.database import Database
from dataplane.base.version import version

Collect = Callable[[Connection], Iterable[Metric]]
"""The metrics of an area, read in a transaction that all areas share."""

log = structlog.get_logger(__name__)


class FleetCollector(Collector):
    """All metrics of port 9091."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._operations: Sequence[str] = ()
        self._areas: Sequence[Collect] = ()
        self._database: Database | None = None

    def open(self, database: Database, operations: Sequence[str], areas: Sequence[Collect]) -> None:
        """Set the operations, after the application is made."""
        self._operations, self._areas, self._database = operations, areas, database

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client. While the database is away, its metrics are left out."""
        info = InfoMetricFamily("secbeat_orchestrator", "The program.")
        info.add_metric([], {"version": version()})
        areas = self._of_areas()
        up = GaugeMetricFamily("secbeat_orchestrator_database_up", "Whether it can be read.")
        up.add_metric([], areas is not None)
        return [info, up, *self._of_pages(), *(areas or ())]

    def describe(self) -> Iterable[Metric]:
        """Empty: the metrics depend on the database."""
        return ()

    def _of_areas(self) -> list[Metric] | None:
        if self._database is None:
            return None
        try:
            with self._database.read() as connection:
                return [metric for area in self._areas for metric in area(connection)]
        except StorageError as exc:
            log.warning("metrics without the fleet", why=str(exc))
            return None

    def _of_pages(self) -> list[Metric]:
        sums = self._pages.sums()
        errors = CounterMetricFamily(
            "secbeat_orchestrator_database_errors",
            "Transactions that failed for the database's sake.",
            labels=["kind"],
        )
        for kind, count in errors_of(sums).items():
            errors.add_metric([kind], count)
        seconds = HistogramMetricFamily(
            "secbeat_orchestrator_request_seconds",
            "From a request's head to its answer.",
            labels=["operation"],
        )
        answers = CounterMetricFamily(
            "secbeat_orchestrator_requests", "Answers.", labels=["operation", "status"]
        )
        for place, name in enumerate(self._operations):
            counts, total_s, classes = requests_of(sums, place)
            if any(counts):
                seconds.add_metric([name], _cumulated(counts), total_s)
                for status, count in classes.items():
                    answers.add_metric([name, status], count)
        return [errors, seconds, answers]


def _cumulated(counts: Sequence[int]) -> list[tuple[str, float]]:
    ends = [*map(str, BUCKETS_S), "+Inf"]
    return list(zip(ends, itertools.accumulate(counts), strict=True))
