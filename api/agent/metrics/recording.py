"""Metrics of port 9090 about recording and delivering events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from api.agent.metrics.metric import Sample, Scalar, single
from api.agent.webhooks.courier import Courier
from api.agent.webhooks.office import Office
from api.agent.webhooks.queue import DEAD, DELIVERED
from api.webhooks.sending import OUTCOMES


class Recording(Protocol):
    """The source of these metrics."""

    @property
    def is_recording(self) -> bool:
        """Whether events can be recorded now."""

    @property
    def is_response_failing(self) -> bool:
        """Whether a response to an attack is wanted and fails."""

    @property
    def events_lost(self) -> int:
        """Events that were never recorded."""

    @property
    def office(self) -> Office:
        """The deliveries of webhooks."""


def _couriers(source: Recording) -> Iterator[tuple[str, Courier]]:
    return iter(source.office.couriers.items())


def _pending(source: Recording) -> Iterator[Sample]:
    return (((name,), each.pending) for name, each in source.office.counts().items())


def _dead(source: Recording) -> Iterator[Sample]:
    return (((name,), each.dead) for name, each in source.office.counts().items())


def _oldest(source: Recording) -> Iterator[Sample]:
    return (((name,), age_s) for name, age_s in source.office.ages_s().items())


def _attempts(source: Recording) -> Iterator[Sample]:
    for name, courier in _couriers(source):
        for outcome in OUTCOMES:
            yield (name, outcome), courier.outcomes[outcome]


def _deliveries(source: Recording) -> Iterator[Sample]:
    for name, courier in _couriers(source):
        for state in (DELIVERED, DEAD):
            yield (name, state), courier.states[state]


RECORDING: tuple[Scalar[Recording], ...] = (
    Scalar(
        "gauge",
        "secbeat_events_writable",
        "1: the agent can record events.",
        lambda source: single(source.is_recording),
    ),
    Scalar(
        "counter",
        "secbeat_events_lost_total",
        "Events that were not recorded, because too many waited for the disk.",
        lambda source: single(source.events_lost),
    ),
    Scalar(
        "gauge",
        "secbeat_response_failing",
        "1: a response to an attack that the policy asks for can't be carried out.",
        lambda source: single(source.is_response_failing),
    ),
    Scalar(
        "gauge",
        "secbeat_webhook_pending",
        "Events that are not delivered yet.",
        _pending,
        ("endpoint",),
    ),
    Scalar(
        "gauge",
        "secbeat_webhook_dead",
        "Events that were not delivered (dead letters), and can be sent again by an operator.",
        _dead,
        ("endpoint",),
    ),
    Scalar(
        "gauge",
        "secbeat_webhook_oldest_pending_seconds",
        "Age of the oldest pending event; 0: none is pending.",
        _oldest,
        ("endpoint",),
    ),
    Scalar(
        "counter",
        "secbeat_webhook_attempts_total",
        "Delivery attempts, by outcome.",
        _attempts,
        ("endpoint", "outcome"),
    ),
    Scalar(
        "counter",
        "secbeat_webhook_deliveries_total",
        "Finished deliveries.",
        _deliveries,
        ("endpoint", "state"),
    ),
)
