"""How a node is, judged from what it said last and when."""

from __future__ import annotations

from api.orchestrator.nodes.schemas import Status
from api.storage.database import AnyRow

SILENT_MS = 30_000
"""Three heartbeats: a node that was silent for longer is unreachable."""


def judge(row: AnyRow, now_ms: int) -> tuple[Status, list[str]]:
    """The status of a row of `nodes`, and why."""
    if row.seen_ms is None:
        return "registering", []
    silent_ms = now_ms - row.seen_ms
    if silent_ms > SILENT_MS:
        return "unreachable", [f"silent for {silent_ms // 1000} s"]
    reasons = list(row.reasons)
    if row.desired == "draining":
        return "draining", reasons
    return ("healthy" if row.health == "healthy" else "degraded"), reasons
