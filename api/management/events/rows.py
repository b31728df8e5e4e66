"""Queries over the events that the agent has recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, select

from api.history.tables import events
from api.storage.database import AnyRow


@dataclass(frozen=True)
class Filter:
    """A filter of events; None: no condition."""

    kind: str | None = None
    incident: str | None = None


def page(connection: Connection, wanted: Filter, before: int | None, limit: int) -> list[AnyRow]:
    """The newest events before a sequence number."""
    conditions = _conditions(wanted)
    if before is not None:
        conditions.append(events.c.sequence < before)
    query = select(events).where(and_(True, *conditions))
    return list(connection.execute(query.order_by(events.c.sequence.desc()).limit(limit)))


def count(connection: Connection, wanted: Filter) -> int:
    """The number of events that meet the filter."""
    query = select(func.count()).select_from(events).where(and_(True, *_conditions(wanted)))
    return int(connection.execute(query).scalar_one())


def newest(connection: Connection) -> int:
    """The highest sequence number; 0: there are no events."""
    return int(connection.execute(select(func.max(events.c.sequence))).scalar() or 0)


def following(connection: Connection, wanted: Filter, after: int, limit: int) -> Sequence[AnyRow]:
    """The oldest events after a sequence number."""
    conditions = [*_conditions(wanted), events.c.sequence > after]
    query = select(events).where(and_(*conditions)).order_by(events.c.sequence).limit(limit)
    return list(connection.execute(query))


def _conditions(wanted: Filter) -> list[ColumnElement[Any]]:
    found: list[ColumnElement[Any]] = []
    if wanted.kind is not None:
        found.append(events.c.kind == wanted.kind)
    if wanted.incident is not None:
        found.append(events.c.incident_id == wanted.incident)
    return found
