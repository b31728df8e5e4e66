"""The closed sets of labels of the data plane, as text, for metrics and documents."""

from __future__ import annotations

from enum import Enum

from dataplane.native import abi


def _labels(members: type[Enum]) -> tuple[str, ...]:
    return tuple(member.name.lower() for member in members)


REASONS = tuple(label for label in _labels(abi.Reason) if label != "none")
"""Reasons why a packet is not forwarded."""
REASON_TEXT = {each.name.lower(): text for each, text in abi.REASON_TEXT.items()}
"""For each reason, one line for an operator."""
STAGES = _labels(abi.Stage)
STATES = _labels(abi.State)
DEGRADED = _labels(abi.Degraded)
"""Reasons of a degraded node."""
LINKS_STATES = _labels(abi.LinksState)
"""States of the ports' links."""
DRAIN_STATES = _labels(abi.DrainState)
RULES_STATES = _labels(abi.RulesState)
"""States of the WAF's rules."""
NOTICES = _labels(abi.NoticeKind)
ATTACKS = _labels(abi.Attack)
"""Types of attacks."""
ATTACK_TEXT = {each.name.lower(): text for each, text in abi.ATTACK_TEXT.items()}
"""For each type, a description in one line."""
THRESHOLDS = tuple(label for label in _labels(abi.Metric) if label != "frames")
"""Fields of the policy's rule `detection` that are rates; each has a baseline."""
BASELINE_PERIOD_S = abi.BASELINE_MS // 1000
"""Length of the periods of `dataplane.shared.incidents.BaselinePeriod`."""
LATENCY_BOUNDS_NS = abi.LATENCY_BOUNDS_NS
"""Upper bounds of the latency histograms, in nanoseconds; one more bucket has none."""
