"""Bodies of answers about the fleet's policy and its deployments."""

from __future__ import annotations

from typing import Any

from api.common.contract.schemas import PAGE_DEFAULT, rfc3339
from api.common.policies import ChangeBody
from api.orchestrator.policies import versions
from api.orchestrator.policies.planning import Planned
from api.orchestrator.policies.schemas import (
    DeploymentBody,
    DeploymentQuery,
    DeploymentRow,
    FleetPolicyBody,
    NodePolicyBody,
    PlanBody,
    PlannedChange,
    PlannedNode,
    VersionRow,
)
from api.orchestrator.policies.sight import Sight
from api.storage.database import AnyRow

_FIRST = DeploymentQuery(limit=PAGE_DEFAULT)


def deployment(sight: Sight, query: DeploymentQuery = _FIRST) -> DeploymentBody:
    """A deployment with one page of its nodes."""
    every = list(sight.nodes())
    found = [each for each in every if query.state in {None, each.state}]
    after = [each for each in found if query.cursor is None or each.node > query.cursor]
    counts: dict[str, int] = {}
    for each in every:
        counts[each.state] = counts.get(each.state, 0) + 1
    return DeploymentBody(
        **_fields(sight.row, counts),
        nodes=after[: query.limit],
        total=len(found),
        next_cursor=after[query.limit - 1].node if len(after) > query.limit else None,
    )


def deployment_row(row: AnyRow, counts: dict[str, int]) -> DeploymentRow:
    """A deployment in a list."""
    return DeploymentRow(**_fields(row, counts))


def version(row: AnyRow) -> FleetPolicyBody:
    """A version with its document."""
    return FleetPolicyBody(
        number=row.number,
        name=row.name,
        created_at=rfc3339(row.created_ms),
        created_by=row.created_by,
        policy=row.document,
    )


def version_row(row: AnyRow) -> VersionRow:
    """A version in the history."""
    return VersionRow(
        number=row.number,
        name=row.name,
        action=row.action,
        created_at=rfc3339(row.created_ms),
        created_by=row.created_by,
        **versions.sizes(row.document),
    )


def of_node(epoch: str, row: AnyRow, *, accept_exempt: bool) -> NodePolicyBody:
    """The policy document that a node fetches."""
    return NodePolicyBody(
        epoch=epoch,
        number=row.number,
        name=row.name,
        accept_exempt=accept_exempt,
        policy=row.document,
    )


def plan(name: str, selector: str, planned: Planned) -> PlanBody:
    """The plan of a deployment."""
    return PlanBody(
        state="dry_run",
        name=name,
        selector=selector,
        changes=[
            PlannedChange(
                from_number=number,
                nodes=count,
                changes=[ChangeBody.model_validate(each._asdict()) for each in found],
            )
            for number, count, found in planned.changes
        ],
        nodes=[
            PlannedNode.model_validate(
                {
                    "node": each.node,
                    "from_number": each.number,
                    "would": each.would,
                    "message": each.message,
                }
            )
            for each in planned.nodes
        ],
        total=planned.total,
        supersedes=list(planned.supersedes),
    )


def _fields(row: AnyRow, counts: dict[str, int]) -> dict[str, Any]:
    names = set(DeploymentRow.model_fields) - {"confirm_until", "created_at", "ended_at", "counts"}
    return {
        **{name: getattr(row, name) for name in names},
        "confirm_until": _time(row.confirm_until_ms),
        "created_at": rfc3339(row.created_ms),
        "ended_at": _time(row.ended_ms),
        "counts": counts,
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)
