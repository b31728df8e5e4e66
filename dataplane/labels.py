"""The closed sets of labels that the data plane uses, as plain text: for metrics and documents."""

from __future__ import annotations

from enum import Enum

from dataplane import abi


def _labels(members: type[Enum]) -> tuple[str, ...]:
    return tuple(member.name.lower() for member in members)


REASONS = tuple(label for label in _labels(abi.Reason) if label != "none")
"""Why a packet is not forwarded."""
STAGES = _labels(abi.Stage)
STATES = _labels(abi.State)
DEGRADED = _labels(abi.Degraded)
"""Why a node is degraded."""
NOTICES = _labels(abi.NoticeKind)
LATENCY_BOUNDS_NS = abi.LATENCY_BOUNDS_NS
"""Upper bounds of the latency histograms, in nanoseconds; one more bucket has none."""
