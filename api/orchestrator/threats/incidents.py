"""Stores the nodes' incidents: one row for each node and id, with the newest report.

No node can use more than its share: beyond `OF_NODE_MAX` its own oldest incidents are deleted. The
total number and age are configured (`Retention`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select, tuple_

from api.common.contract.schemas import utc_ms
from api.orchestrator.database.tables.incidents import incidents
from api.orchestrator.threats.reports import ReportedIncident
from api.storage.database import Database
from api.storage.statements.upsert import upsert

OF_NODE_MAX = 2_000
_DAY_MS = 86_400_000
_CHUNK = 500
_KEY = tuple_(incidents.c.node, incidents.c.id)


@dataclass(frozen=True)
class Retention:
    """Limits of age and number; the oldest incidents are deleted first."""

    days_max: int = 396
    rows_max: int = 100_000


def keep(
    connection: Connection,
    node: str,
    reported: Sequence[ReportedIncident],
    now_ms: int,
    ahead_ms: int = 0,
) -> None:
    """Store what is new in a node's report.

    ``ahead_ms``: the error of the node's clock, by which its times are corrected.
    """
    newest = {each.id: each for each in reported}
    mine = incidents.c.node == node
    query = select(incidents.c.id, incidents.c.version_ms).where(mine, incidents.c.id.in_(newest))
    known = {row.id: row.version_ms for row in connection.execute(query)}
    for each in newest.values():
        values = _values(each, now_ms, ahead_ms)
        if values["version_ms"] > known.get(each.id, -(1 << 62)):
            upsert(connection, incidents, {"node": node, "id": each.id}, values)
    if newest.keys() - known.keys():
        _trim(connection, node)


def purge(database: Database, now_ms: int, kept: Retention) -> int:
    """Delete incidents that are too old or too many, in small transactions; returns the number."""
    until_ms = now_ms - kept.days_max * _DAY_MS
    beyond = select(incidents.c.last_ms).order_by(incidents.c.last_ms.desc())
    with database.read() as connection:
        last_ms = connection.execute(beyond.offset(kept.rows_max).limit(1)).scalar()
    until_ms = until_ms if last_ms is None else max(until_ms, last_ms)
    old = select(incidents.c.node, incidents.c.id).where(incidents.c.last_ms <= until_ms)
    gone = 0
    while True:
        with database.write(bulk=True) as connection:
            keys = [tuple(row) for row in connection.execute(old.limit(_CHUNK))]
            connection.execute(delete(incidents).where(_KEY.in_(keys)))
        gone += len(keys)
        if len(keys) < _CHUNK:
            return gone


def _trim(connection: Connection, node: str) -> None:
    mine = incidents.c.node == node
    count = connection.execute(select(func.count()).where(mine)).scalar_one()
    if count <= OF_NODE_MAX:
        return
    order = incidents.c.is_active, incidents.c.last_ms, incidents.c.id
    oldest = select(incidents.c.id).where(mine).order_by(*order).limit(count - OF_NODE_MAX)
    ids = list(connection.execute(oldest).scalars())
    connection.execute(delete(incidents).where(mine, incidents.c.id.in_(ids)))


def _values(each: ReportedIncident, now_ms: int, ahead_ms: int) -> dict[str, Any]:
    version_ms = utc_ms(each.updated_at)
    last = each.updated_at if each.ended_at is None else each.ended_at
    started_ms = max(0, min(utc_ms(each.started_at) - ahead_ms, now_ms))
    return {
        "type": each.type,
        "target_kind": each.target_kind,
        "target": each.target,
        "profile": each.profile,
        "action": each.action,
        "is_active": each.state == "active",
        "started_ms": started_ms,
        "last_ms": max(started_ms, min(utc_ms(last) - ahead_ms, now_ms)),
        "version_ms": version_ms,
        "spoofed": each.sources.spoofed,
        "packets": each.totals.packets,
        "dropped": each.totals.dropped,
        "peak_pps": each.peak.packets_per_second,
        "peak_bps": each.peak.bits_per_second,
        "distinct_sources": each.sources.distinct,
        "sources": [
            [source.address, source.country, source.packets, source.error]
            for source in each.sources.top
        ],
    }
