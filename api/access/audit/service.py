"""The audit trail: one row for every change, written in the change's own transaction.

Rows are kept for 90 days, at most a million of them. A background task removes older rows.
"""

from __future__ import annotations

import json
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
from api.storage.statements.text import has_text

DAYS_MAX = 90
ROWS_MAX = 1_000_000
_DAY_MS = 86_400_000
_CHUNK = 500
_INSERT = insert(audit)


def _nothing(_connection: Connection, _result: Any, _revision: int) -> None:
    """The default of ``on_commit``: does nothing."""


@dataclass(frozen=True)
class Actor:
    """The author of a change and the id of the request; ``on_commit`` runs in the change's
    transaction."""

    principal: Principal
    request_id: str
    on_commit: Callable[[Connection, Any, int], None] = _nothing


@dataclass(frozen=True)
class Difference:
    """The object of a change as JSON, before and after it. None before: created; None after:
    deleted."""

    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None


UNTOLD = Difference()
"""The values of a change that the target describes completely."""


@dataclass(frozen=True)
class Only:
    """Filters of the audit trail, joined by "and"."""

    key: str | None = None
    action: str | None = None
    """An action, or its beginning up to a dot: ``blacklist`` also selects ``blacklist.put``."""
    text: str | None = None
    """Text within the target, ``before`` or ``after``; the case of ASCII letters is ignored."""
    since_ms: int | None = None
    until_ms: int | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions for a row."""
        if self.key is not None:
            yield audit.c.key == self.key
        if self.action is not None:
            begins = audit.c.action.startswith(f"{self.action}.", autoescape=True)
            yield or_(audit.c.action == self.action, begins)
        if self.text is not None:
            yield or_(has_text(audit.c.target, self.text), *_in_values(self.text))
        if self.since_ms is not None:
            yield audit.c.at_ms >= self.since_ms
        if self.until_ms is not None:
            yield audit.c.at_ms < self.until_ms


def _in_values(text: str) -> Iterator[ColumnElement[bool]]:
    """Conditions for text within ``before`` or ``after``: stored as JSON, which escapes characters
    beyond ASCII."""
    for name in ("before", "after"):
        value = func.coalesce(cast(audit.c[name], Text), "")
        for wanted in dict.fromkeys((text, json.dumps(text)[1:-1])):
            yield has_text(value, wanted)


def system(occasion: str) -> Actor:
    """The actor of changes by the program itself; the occasion stands in place of a request id."""
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
    """Add the row. It is committed together with the change, or not at all."""
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
    """One page: its rows, the number of all rows that meet the filters, and the next position.

    Newest first, or oldest first; ``beyond`` is the last row of the page before. With filters, rows
    are counted for the first page only.
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
    """Remove rows that exceed the retention, in small transactions; returns the number removed."""
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
