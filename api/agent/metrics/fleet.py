"""Metrics of port 9191 about the node's fleet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from api.agent.fleet.following.part import Applied
from api.agent.fleet.orchestrator.contact import ContactView
from api.agent.metrics.metric import Sample, Scalar, families, single


@dataclass(frozen=True)
class FleetView:
    """The state at one instant."""

    contact: ContactView
    applied: Mapping[str, Applied]
    """Results by part."""


class FleetCollector(Collector):
    """Reads the state at each scrape; None: the node is in no fleet, and there are no samples."""

    def __init__(self, view: Callable[[], FleetView | None]) -> None:
        self._view = view

    def collect(self) -> Iterator[Metric]:
        """See `Collector`."""
        yield from families(FLEET, self._view())


def _last_contact(view: FleetView) -> Iterator[Sample]:
    if view.contact.answered_s is not None:
        yield from single(view.contact.answered_at_s)


FLEET: tuple[Scalar[FleetView], ...] = (
    Scalar(
        "gauge",
        "secbeat_fleet_up",
        "1: the orchestrator answers this node.",
        lambda view: single(view.contact.is_up(time.monotonic())),
    ),
    Scalar(
        "gauge",
        "secbeat_fleet_refused",
        "1: the orchestrator refuses this node.",
        lambda view: single(view.contact.is_refused),
    ),
    Scalar(
        "gauge",
        "secbeat_fleet_last_contact_timestamp_seconds",
        "Time of the last valid answer of the orchestrator.",
        _last_contact,
    ),
    Scalar(
        "counter",
        "secbeat_fleet_errors_total",
        "Failed requests for the desired state.",
        lambda view: single(view.contact.errors),
    ),
    Scalar(
        "gauge",
        "secbeat_fleet_clock_ahead_seconds",
        "Time by which this node's clock is ahead of the orchestrator's, without network delay.",
        lambda view: single(view.contact.clock_off_ms / 1000),
    ),
    Scalar(
        "gauge",
        "secbeat_fleet_applied_number",
        "Number of the fleet's newest revision in this state, by part and state.",
        lambda view: (((name, each.state), each.number) for name, each in view.applied.items()),
        ("part", "state"),
    ),
)
