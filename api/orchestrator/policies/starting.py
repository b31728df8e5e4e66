"""The start of a deployment: its row, its canary, and the end of unfinished ones."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from api.access.audit.service import Actor
from api.common.contract.errors import ConflictError, FieldError
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.status import judge
from api.orchestrator.policies import canary, deployments, versions
from api.orchestrator.policies.ruling import Standing
from api.orchestrator.policies.schemas import DeployQuery
from api.orchestrator.policies.sight import Sight
from api.orchestrator.selector import Selector, parse_selector
from api.storage.database import AnyRow
from dataplane.policy import PolicyDocument


def values_of(
    actor: Actor, document: PolicyDocument, how: DeployQuery, now_ms: int
) -> dict[str, Any]:
    """The values of a new row, without policy and canary."""
    is_canary, within = how.strategy == "canary", how.confirm_within
    until_ms = None if within is None or is_canary else now_ms + within * 1000
    return {
        "name": document.name,
        "rule_types": sorted(versions.types_of(document)),
        "selector": str(parse_selector(how.selector)),
        "strategy": how.strategy,
        "accept_exempt": int(how.accept_exempt),
        "state": "canary" if is_canary else "rolling",
        "stands": 1,
        "hold_seconds": how.hold_seconds,
        "max_drop_ratio": how.max_drop_ratio,
        "confirm_within": within,
        "confirm_until_ms": until_ms,
        "created_ms": now_ms,
        "created_by": actor.principal.name,
        "changed_ms": now_ms,
    }


def canary_of(
    connection: Connection, selector: Selector, how: DeployQuery, now_ms: int
) -> dict[str, Any]:
    """The canary and its share of dropped packets before. Raises `ConflictError`: there is none."""
    if how.strategy != "canary":
        if how.canary is not None:
            raise _no_canary(how.canary, "a canary is named for strategy=canary alone")
        return {"canary": None, "progress": {}}
    query = select(nodes).order_by(nodes.c.id)
    if how.canary is not None:
        query = query.where(nodes.c.id == how.canary)
    for row in connection.execute(query):
        if selector.matches(row.labels) and judge(row, now_ms)[0] == "healthy":
            was = canary.ratio_before(row.stats, row.stats_before)
            return {"canary": row.id, "progress": {"was": was}}
    if how.canary is None:
        raise _no_canary(None, "no node that is selected is healthy")
    raise _no_canary(how.canary, f"node {how.canary!r} is not healthy, not selected or not there")


def supersede(connection: Connection, actor: Actor, new: AnyRow, now_ms: int) -> None:
    """End unfinished deployments that select nodes of the new one.

    A deployment that was not proven yet is withdrawn; others stand for the nodes that the new one
    does not select.
    """
    for row in superseded(connection, parse_selector(new.selector), new.id):
        if deployments.is_proven(row):
            end = deployments.ended("superseded", now_ms)
        else:
            end = deployments.withdrawn("superseded", "", now_ms)
        end |= {"reason": f"deployment {new.id} came", "outcome": _outcome(connection, row, now_ms)}
        deployments.must_move(connection, row, end)
        deployments.record(connection, actor, "deployment.supersede", row, now_ms)


def superseded(connection: Connection, selector: Selector, new: int | None = None) -> list[AnyRow]:
    """The unfinished deployments that would end."""
    return [
        row
        for row in deployments.active(connection)
        if row.id != new and Standing.of(row).selector.overlaps(selector)
    ]


def _outcome(connection: Connection, row: AnyRow, now_ms: int) -> dict[str, object]:
    return Sight.read(connection, row, now_ms).outcome()


def _no_canary(value: str | None, message: str) -> ConflictError:
    limit = "a healthy node that the selector means"
    return ConflictError(
        f"no canary: {message}", errors=[FieldError("canary", value, limit, message)]
    )
