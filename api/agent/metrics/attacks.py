"""Metrics of port 9090 about attacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from api.agent.metrics.metric import Histogram, Sample, Scalar, single
from dataplane.shared.incidents import DELAY_BOUNDS_MS
from dataplane.shared.stats import LatencyHistogram, NodeStats

_NS_PER_MS = 1_000_000


def _by_type(
    read: Callable[[NodeStats], Mapping[str, int]],
) -> Callable[[NodeStats], Iterator[Sample]]:
    return lambda node: (((label,), count) for label, count in read(node).items())


def _delay(node: NodeStats) -> LatencyHistogram:
    detection = node.detection
    return LatencyHistogram(
        bounds_ns=tuple(bound * _NS_PER_MS for bound in DELAY_BOUNDS_MS),
        buckets=detection.delay_buckets,
        count=detection.delay_count,
        sum_ns=detection.delay_sum_ms * _NS_PER_MS,
    )


ATTACKS: tuple[Scalar[NodeStats] | Histogram[NodeStats], ...] = (
    Scalar(
        "counter",
        "secbeat_attacks_total",
        "Attacks that were detected, by type.",
        _by_type(lambda node: node.detection.attacks),
        ("type",),
    ),
    Scalar(
        "gauge",
        "secbeat_attacks_active",
        "Active attacks, by type.",
        _by_type(lambda node: node.detection.active),
        ("type",),
    ),
    Scalar(
        "counter",
        "secbeat_attacks_suppressed_total",
        "Attacks without room among the incidents; they are combined in one incident of their "
        "profile.",
        lambda node: single(node.detection.suppressed),
    ),
    Scalar(
        "counter",
        "secbeat_detection_failures_total",
        "Faults of detection: no attack is detected until it has restarted.",
        lambda node: single(node.detection.failures),
    ),
    Histogram(
        "secbeat_attack_detection_seconds",
        "Time from the packet that crosses the threshold (estimated) to the incident.",
        _delay,
    ),
)
