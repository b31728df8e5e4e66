"""The health of a node, judged once for the API's status and for the agent's events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from dataplane.shared.stats import NodeStats

HEARTBEAT_S_MAX = 2.0
"""A control loop whose last turn is older hangs; its own watchdog uses the same limit."""
STEADY_S = 1.0
"""Minimum duration of a condition before it is reported."""
AWAY = "dataplane_away"
STALLED = "dataplane_stalled"
DRAINING = "draining"
"""A reason that a node reports to its fleet while it drains; it does not degrade the node."""

Health = Literal["healthy", "degraded", "unhealthy"]
Mode = Literal["tcp", "syn", "l7"]


def judge(stats: NodeStats | None, others: Sequence[str] = ()) -> tuple[Health, list[str]]:
    """Health and its reasons; ``others``: reasons that do not come from the data plane.

    Without statistics (None) the data plane is away.
    """
    if stats is None:
        return "unhealthy", [AWAY, *others]
    reasons = [*stats.degraded, *others]
    if stats.heartbeat_age_s > HEARTBEAT_S_MAX:
        return "unhealthy", [STALLED, *reasons]
    return ("degraded" if reasons else "healthy"), reasons


def effective_mode(stats: NodeStats | None) -> Mode:
    """The node's mode, as the policy in force determines it."""
    if stats is None:
        return "tcp"
    return "l7" if stats.http_profiles else "syn" if stats.syn_proxy_profiles else "tcp"
