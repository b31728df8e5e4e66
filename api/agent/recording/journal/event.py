"""Events of a node, and the closed set of their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dataplane.shared.labels import NOTICES

ATTACK_DETECTED = "attack_detected"
ATTACK_ENDED = "attack_ended"
NODE_HEALTH = "node_health"
POLICY_APPLIED = "policy_applied"
RULE_TRIGGERED = "rule_triggered"
MAIN_KINDS = (ATTACK_DETECTED, ATTACK_ENDED, NODE_HEALTH, RULE_TRIGGERED, POLICY_APPLIED)
KINDS = (*MAIN_KINDS, *(kind for kind in NOTICES if kind not in MAIN_KINDS))
"""The agent's own kinds and the notices of the data plane."""


@dataclass(frozen=True)
class Event:
    """One event that is not recorded yet."""

    kind: str
    at_ms: int
    """Milliseconds since 1970."""
    data: Mapping[str, Any]
    incident_id: str | None = None
