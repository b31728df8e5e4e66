"""The audit trail: one row for every change, written in the change's own transaction.

Kept 90 days or a million rows, whichever is less; older rows go in the background.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Text,
    cast,
    delete,
    func,
    insert,
    or_,
    select,
)

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


@dataclass(frozen=True)
class Difference:
    """What a change made of what, as JSON. None before: it is new; None after: it is gone."""

    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


UNTOLD = Difference()
"""The target says all."""


@dataclass(frozen=True)
class Only:
    """Filters of the trail, joined by "and"."""

    key: str | None = None
    action: str | None = None
    """An action, or the beginning of one up to a dot: ``blacklist`` is also ``blacklist.put``."""
    text: str | None = None
    """Part of the target, of what was before or of what is after, whatever its case (of ASCII)."""
    since_ms: int | None = None
    until_ms: int | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """On a row."""
        if self.key is not None:
            yield audit.c.key == self.key
        if self.action is not None:
            begins = audit.c.action.startswith(f"{self.action}.", autoescape=True)
            yield or_(audit.c.action == self.action, begins)
        if self.text is not None:
            values = (cast(audit.c[name], Text) for name in ("before", "after"))
            columns = (audit.c.target, *(func.coalesce(value, "") for value in values))
            yield or_(*(each.icontains(self.text, autoescape=True) for each in columns))
        if self.since_ms is not None:
            yield audit.c.at_ms >= self.since_ms
        if self.until_ms is not None:
            yield audit.c.at_ms < self.until_ms


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
    *,
    difference: Difference = UNTOLD,
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
            "before": difference.before,
            "after": difference.after,
        },
    )


def page(
    database: Database, limit: int, beyond: int | None, only: Only, *, oldest_first: bool = False
) -> tuple[list[AnyRow], int | None, int | None]:
    """Rows, the number of all that meet the filters, and where the next page begins.

    Newest first, or oldest; ``beyond``: the last of the page before. The number is counted with the
    first page alone where there are filters.
    """
    conditions = list(only.conditions())
    order = audit.c.id if oldest_first else audit.c.id.desc()
    query = select(audit).where(*conditions).order_by(order).limit(limit + 1)
    if beyond is not None:
        query = query.where(audit.c.id > beyond if oldest_first else audit.c.id < beyond)
    total = None
    with database.read() as connection:
        if beyond is None or not conditions:
            counted = select(func.count()).select_from(audit).where(*conditions)
            total = connection.execute(counted).scalar_one()
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
