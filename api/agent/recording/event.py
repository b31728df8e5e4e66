"""Events: what a node has to tell, and the closed set of their kinds."""

from __future__ import annotations

import base64
import secrets
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
"""Those, and the notices of the data plane."""
TEST = "test"
"""Of a webhook that somebody asked for; never recorded."""
_ID_BYTES = 16


@dataclass(frozen=True)
class Event:
    """One event that is not recorded yet."""

    kind: str
    at_ms: int
    """Milliseconds since 1970."""
    data: Mapping[str, Any]
    incident_id: str | None = None


def new_id() -> str:
    """An event's id: ``evt_`` and 128 random bits in 22 characters."""
    return "evt_" + base64.urlsafe_b64encode(secrets.token_bytes(_ID_BYTES)).decode().rstrip("=")
