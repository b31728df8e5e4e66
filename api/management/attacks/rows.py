"""Queries over the attacks that the agent has recorded."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select, tuple_

from api.common.attacks import Document
from api.history.tables import captures, incidents
from api.storage.database import AnyRow

CAPTURES_MAX = 1000
"""Sample packets of one attack in one answer."""

Position = tuple[int, str]
"""Begin and id of an attack; "newest first" orders by both, descending."""


@dataclass(frozen=True)
class Filter:
    """A filter of attacks; None: no condition."""

    state: str | None = None
    type: str | None = None
    targets: tuple[str, ...] | None = None
    """Any of these targets."""
    profile: str | None = None
    since_ms: int | None = None
    """Attacks that were active at that time, or began later."""


def page(
    connection: Connection,
    wanted: Filter,
    but: Collection[str],
    before: Position | None,
    limit: int,
) -> list[tuple[Position, Document]]:
    """The newest attacks before a position, without those whose ids are in ``but``."""
    conditions = [*_conditions(wanted), incidents.c.id.not_in(but)]
    if before is not None:
        conditions.append(tuple_(incidents.c.started_at, incidents.c.id) < before)
    query = (
        select(incidents.c.started_at, incidents.c.id, incidents.c.document)
        .where(and_(*conditions))
        .order_by(incidents.c.started_at.desc(), incidents.c.id.desc())
        .limit(limit)
    )
    rows = connection.execute(query)
    return [((row.started_at, row.id), json.loads(row.document)) for row in rows]


def count(connection: Connection, wanted: Filter, but: Collection[str]) -> int:
    """The number of attacks that meet the filter."""
    conditions = [*_conditions(wanted), incidents.c.id.not_in(but)]
    query = select(func.count()).select_from(incidents).where(and_(*conditions))
    return int(connection.execute(query).scalar_one())


def documents(connection: Connection, ids: Collection[str]) -> dict[str, Document]:
    """The recorded documents of these attacks, by id; unknown ids are missing."""
    query = select(incidents.c.id, incidents.c.document).where(incidents.c.id.in_(ids))
    return {row.id: json.loads(row.document) for row in connection.execute(query)}


def captured(connection: Connection, attack: str) -> Sequence[AnyRow]:
    """Sample packets of one attack, oldest first."""
    query = select(captures).where(captures.c.incident_id == attack)
    return list(connection.execute(query.order_by(captures.c.number).limit(CAPTURES_MAX)))


def _conditions(wanted: Filter) -> list[ColumnElement[Any]]:
    columns = incidents.c
    found: list[ColumnElement[Any]] = []
    if wanted.state is not None:
        found.append(columns.state == wanted.state)
    if wanted.type is not None:
        found.append(columns.type == wanted.type)
    if wanted.targets is not None:
        found.append(columns.target.in_(wanted.targets))
    if wanted.profile is not None:
        found.append(columns.profile == wanted.profile)
    if wanted.since_ms is not None:
        found.append(or_(columns.ended_at.is_(None), columns.ended_at >= wanted.since_ms))
    return found
