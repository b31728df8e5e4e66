"""Rows of deployments, and their changes with optimistic locking.

Each change names the step that it has read and writes the next one. So among several workers and
operators one succeeds, and the others see that they came too late.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.common.contract.errors import ConflictError, NotFoundError
from api.orchestrator.database.tables.policies import deployments
from api.orchestrator.policies.ruling import Standing
from api.storage.database import AnyRow

DEPLOYMENTS_MAX = 1000
ACTIVE = ("canary", "rolling", "confirming")
"""States of a deployment that is not finished."""
_IS_ACTIVE = deployments.c.state.in_(ACTIVE)


def add(connection: Connection, values: dict[str, Any]) -> AnyRow:
    """Insert a deployment; the caller has taken a change number (`api.orchestrator.changes`).

    Raises `ConflictError`: the maximum number of deployments determine the policy of nodes.
    """
    count = connection.execute(select(func.count()).where(deployments.c.stands == 1)).scalar_one()
    if count >= DEPLOYMENTS_MAX:
        raise ConflictError(
            f"{count} deployments rule nodes, each by another selector; the limit is "
            f"{DEPLOYMENTS_MAX}: deploy a policy to all nodes"
        )
    number = (connection.execute(select(func.max(deployments.c.id))).scalar() or 0) + 1
    connection.execute(insert(deployments).values(id=number, step=0, **values))
    return get(connection, number)


def get(connection: Connection, number: int) -> AnyRow:
    """One deployment. Raises `NotFoundError`."""
    row = connection.execute(select(deployments).where(deployments.c.id == number)).first()
    if row is None:
        raise NotFoundError(f"there is no deployment {number}")
    return row


def active(connection: Connection) -> list[AnyRow]:
    """Unfinished deployments, oldest first."""
    return list(
        connection.execute(select(deployments).where(_IS_ACTIVE).order_by(deployments.c.id))
    )


def page(
    connection: Connection, limit: int, before: int | None
) -> tuple[list[AnyRow], int, int | None]:
    """A page, newest first; the number of all; and the position of the next page."""
    query = select(deployments).order_by(deployments.c.id.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(deployments.c.id < before)
    rows = list(connection.execute(query))
    total = connection.execute(select(func.count()).select_from(deployments)).scalar_one()
    return rows[:limit], total, rows[limit - 1].id if len(rows) > limit else None


def move(connection: Connection, row: AnyRow, values: dict[str, Any]) -> bool:
    """Change a deployment; False: it was changed since it was read."""
    unmoved = (deployments.c.id == row.id) & (deployments.c.step == row.step)
    statement = update(deployments).where(unmoved).values(step=row.step + 1, **values)
    return connection.execute(statement).rowcount == 1


def must_move(connection: Connection, row: AnyRow, values: dict[str, Any]) -> None:
    """Change a deployment like `move`, for an operator. Raises `ConflictError` if the deployment
    was changed since it was read."""
    if not move(connection, row, values):
        raise ConflictError(f"deployment {row.id} has changed in the meantime", retry_after_s=1)


def record(connection: Connection, actor: Actor, action: str, before: AnyRow, now_ms: int) -> None:
    """Add the audit row of a deployment that was changed; ``before``: its row before."""
    told = Difference(_told(before), _told(get(connection, before.id)))
    audit.record(connection, actor, action, str(before.id), now_ms, difference=told)


def withdrawn(state: str, reason: str, now_ms: int) -> dict[str, Any]:
    """Values for a withdrawn deployment: its nodes return to their former policy."""
    return ended(state, now_ms) | {"stands": 0, "reason": reason}


def ended(state: str, now_ms: int) -> dict[str, Any]:
    """Values for a finished deployment that stands."""
    return {"state": state, "changed_ms": now_ms, "ended_ms": now_ms, "confirm_until_ms": None}


def is_proven(row: AnyRow) -> bool:
    """Whether the deployment has reached all of its nodes, and needs no confirmation."""
    return row.state != "canary" and (row.confirm_within is None or row.confirmed_by is not None)


def retire(connection: Connection, new: AnyRow) -> None:
    """Older deployments no longer stand if a newer finished one covers all of their nodes."""
    newest = Standing.of(new)
    older = select(deployments).where(deployments.c.stands == 1, deployments.c.id < new.id)
    covered = [row.id for row in connection.execute(older) if newest.covers(Standing.of(row))]
    _retire(connection, covered)


def _retire(connection: Connection, numbers: Iterable[int]) -> None:
    for number in numbers:
        connection.execute(update(deployments).where(deployments.c.id == number).values(stands=0))


def _told(row: AnyRow) -> dict[str, Any]:
    """A deployment in the form of the audit trail."""
    names = ("policy", "name", "selector", "state", "reason", "confirmed_by")
    return {name: getattr(row, name) for name in names}


def purge(connection: Connection) -> None:
    """Delete deployments beyond `DEPLOYMENTS_MAX`, except unfinished and standing ones."""
    newest = connection.execute(select(func.max(deployments.c.id))).scalar() or 0
    old = deployments.c.id <= newest - DEPLOYMENTS_MAX
    over = (deployments.c.stands == 0) & deployments.c.state.not_in(ACTIVE)
    connection.execute(delete(deployments).where(old, over))
