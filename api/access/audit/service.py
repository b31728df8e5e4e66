"""The audit trail: one row for every change, written in the change's own transaction.

Kept 90 days or a million rows, whichever is less; older rows go in the background.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from api.access.tables import audit
from api.common.contract.roles import Principal, Role
from api.storage.database import AnyRow, Database

DAYS_MAX = 90
ROWS_MAX = 1_000_000
_DAY_MS = 86_400_000
_CHUNK = 500
_INSERT = insert(audit)


def _nothing(_connection: Connection, _result: Any, _revision: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Actor:
    """Who makes a change, by which request; ``on_commit`` runs inside its transaction."""

    principal: Principal
    request_id: str
    on_commit: Callable[[Connection, Any, int], None] = _nothing


def system(occasion: str) -> Actor:
    """The program itself; the occasion stands where a request's id does."""
    return Actor(Principal("system", "system", Role.ADMIN, "local"), occasion)


def record(
    connection: Connection,
    actor: Actor,
    action: str,
    target: str,
    at_ms: int,
    revision: int | None = None,
) -> None:
    """Add the row; it exists if and only if the change does."""
    connection.execute(
        _INSERT,
        {
            "at_ms": at_ms,
            "key": actor.principal.name,
            "role": str(actor.principal.role),
            "source": actor.principal.source,
            "action": action,
            "target": target,
            "revision": revision,
            "request_id": actor.request_id,
        },
    )


def page(
    database: Database, limit: int, before: int | None
) -> tuple[list[AnyRow], int, int | None]:
    """Rows, newest first; the number of all; and where the next page begins."""
    with database.read() as connection:
        total = connection.execute(select(func.count()).select_from(audit)).scalar_one()
        query = select(audit).order_by(audit.c.id.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(audit.c.id < before)
        rows = list(connection.execute(query))
    more = len(rows) > limit
    return rows[:limit], total, rows[limit - 1].id if more else None


def purge(database: Database, now_ms: int) -> int:
    """Remove what is beyond the retention, in small transactions; returns how many rows went."""
    removed = 0
    while True:
        with database.read() as connection:
            newest = connection.execute(select(func.max(audit.c.id))).scalar() or 0
        old = (audit.c.at_ms < now_ms - DAYS_MAX * _DAY_MS) | (audit.c.id <= newest - ROWS_MAX)
        chunk = select(audit.c.id).where(old).limit(_CHUNK)
        with database.read() as connection:
            if connection.execute(chunk.limit(1)).first() is None:
                return removed
        with database.write(bulk=True) as connection:
            removed += connection.execute(delete(audit).where(audit.c.id.in_(chunk))).rowcount
