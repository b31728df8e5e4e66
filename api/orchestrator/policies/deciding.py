"""The next step of a deployment: a pure function of its state and that of its nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.orchestrator.policies import deployments
from api.orchestrator.policies.canary import Counters, complaint
from api.orchestrator.policies.schemas import DeployedNode
from api.orchestrator.policies.sight import Sight
from api.storage.database import AnyRow

APPLY_MS = 120_000
"""Time limit for a canary to apply the policy."""
ROLL_MS = 600_000
"""Time limit for reachable nodes; then the deployment is done without them."""
_FAILED = {
    "rejected": "rejected it",
    "overridden": "has a policy of its own in force",
    "unreachable": "is unreachable",
    "superseded": "is ruled by another deployment",
}


@dataclass(frozen=True)
class Move:
    """One step of a deployment."""

    values: dict[str, Any]
    action: str | None = None
    """The action that the audit trail records; None: it records nothing."""
    is_felt: bool = False
    """Whether the step changes the desired state of nodes."""


def decide(sight: Sight) -> Move | None:
    """The next step; None: nothing has happened, or it is not time yet."""
    return _hold(sight) if sight.row.state == "canary" else _roll(sight)


def _hold(sight: Sight) -> Move | None:
    row, now_ms = sight.row, sight.now_ms
    found = next((each for each in sight.selected if each.id == row.canary), None)
    if found is None:
        return _withdraw(sight, f"{row.canary} is not among the nodes any more")
    node = sight.node(found)
    if trouble := _trouble(found, node):
        return _withdraw(sight, f"{row.canary} {trouble}")
    if node.state != "applied":
        late = now_ms - row.created_ms > APPLY_MS
        return _withdraw(sight, f"{row.canary} has not applied it in 120 s") if late else None
    return _watch(sight, found)


def _watch(sight: Sight, node: AnyRow) -> Move | None:
    """Observe the canary, which has applied the policy."""
    row, progress = sight.row, sight.row.progress
    if "until_ms" not in progress:
        return Move({"progress": progress | _began(node) | {"until_ms": _hold_until(sight)}})
    newest = Counters.of(node.stats)
    since = None if newest is None else newest.since(Counters(*progress["first"]))
    if since is None:  # the counters were reset
        if newest is not None:
            return Move({"progress": progress | _began(node)})
    elif text := complaint(progress["was"], since, row.max_drop_ratio):
        return _withdraw(sight, f"{row.canary} {text}")
    if node.seen_ms < progress["until_ms"]:
        return None
    within, now_ms = row.confirm_within, sight.now_ms
    is_confirmed = within is None or row.confirmed_by is not None
    until_ms = None if is_confirmed else now_ms + within * 1000
    values = {"state": "rolling", "changed_ms": now_ms, "confirm_until_ms": until_ms}
    return Move(values, "deployment.proceed", is_felt=True)


def _began(node: AnyRow) -> dict[str, Any]:
    """The counters when the canary was first seen with the policy."""
    counters = Counters.of(node.stats) or Counters(0, 0)
    return {"first": [counters.packets, counters.dropped]}


def _hold_until(sight: Sight) -> int:
    return int(sight.now_ms + sight.row.hold_seconds * 1000)


def _trouble(row: AnyRow, node: DeployedNode) -> str | None:
    if node.status == "unreachable":
        return _FAILED["unreachable"]
    if row.health == "unhealthy":
        return f"is unhealthy: {', '.join(row.reasons)}"
    failed = _FAILED.get(node.state)
    return None if failed is None else f"{failed}: {node.message}" if node.message else failed


def _roll(sight: Sight) -> Move | None:
    row, now_ms = sight.row, sight.now_ms
    until_ms = row.confirm_until_ms
    if until_ms is not None and now_ms >= until_ms:
        return _withdraw(sight, f"not confirmed within {row.confirm_within} s")
    counts = sight.counts()
    is_late = now_ms - row.changed_ms > ROLL_MS
    if row.state == "rolling" and counts.get("pending") and not is_late:
        return None
    if row.confirm_within is not None and row.confirmed_by is None:
        values = {"state": "confirming", "changed_ms": now_ms}
        return Move(values) if row.state == "rolling" else None
    values = deployments.ended("done", now_ms) | {
        "outcome": sight.outcome(),
        "reason": _remark(counts),
    }
    return Move(values, "deployment.done")


def _remark(counts: dict[str, int]) -> str | None:
    """A remark on a finished deployment for operators; None: every node has the policy."""
    rest = {state: count for state, count in sorted(counts.items()) if state != "applied"}
    if not counts:
        return "no node is selected yet"
    return ", ".join(f"{state}: {count}" for state, count in rest.items()) or None


def _withdraw(sight: Sight, reason: str) -> Move:
    values = deployments.withdrawn("rolled_back", reason[:1000], sight.now_ms)
    return Move(values | {"outcome": sight.outcome()}, "deployment.roll_back", is_felt=True)
