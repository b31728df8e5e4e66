"""The answers about the fleet's lists that nodes get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from api.common.contract.schemas import rfc3339
from api.lists import kinds
from api.orchestrator.entries import rows
from api.orchestrator.entries.schemas import (
    FollowedEntry,
    FollowedLists,
    FollowedNetwork,
    FollowQuery,
)
from api.orchestrator.following.log import ChangeLog
from api.orchestrator.following.part import Asked, FollowedPart
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network


def followed(database: Database, clock: Clock, log: ChangeLog) -> FollowedPart[FollowQuery]:
    """Make the part; it is safe for the threads of one worker."""

    def delta(connection: Connection, asked: Asked[FollowQuery]) -> FollowedLists:
        found = rows.changed(connection, asked.query.since, asked.now_ms)
        there = {rows.item_of(rows.place_of(row.list, rows.network_of(row))) for row in found}
        touched = log.since(connection, asked.query.since)
        gone = [rows.place_from(item) for item in touched if item not in there]
        removed = [
            FollowedNetwork(list=kinds.LISTS[lists], ip=str(Network(key, length)))
            for lists, key, length in gone
        ]
        return _body(asked, found, full=False, removed=removed)

    return FollowedPart(database, clock, log, delta, _page)


def _page(connection: Connection, asked: Asked[FollowQuery]) -> FollowedLists:
    query, now_ms = asked.query, asked.now_ms
    after = None if query.cursor is None else rows.place_from(bytes.fromhex(query.cursor))
    found = rows.page(connection, after, query.limit + 1, now_ms)
    counts = rows.totals(connection, now_ms) if query.cursor is None else {}
    cursor = None
    if len(found) > query.limit:
        last = found[query.limit - 1]
        cursor = rows.item_of((last.list, last.key, last.prefix_length)).hex()
    return _body(
        asked,
        found[: query.limit],
        full=True,
        confirmed=asked.is_confirmed,
        totals={name: counts.get(number, 0) for number, name in enumerate(kinds.LISTS)},
        next_cursor=cursor,
    )


def _body(asked: Asked[FollowQuery], found: Sequence[AnyRow], **more: Any) -> FollowedLists:
    fields: dict[str, Any] = {
        "confirmed": False,
        "totals": {},
        "entries": [_entry(row) for row in found],
        "removed": [],
        "next_cursor": None,
    }
    return FollowedLists(**{**asked.head(), **fields, **more})


def _entry(row: AnyRow) -> FollowedEntry:
    return FollowedEntry(
        list=kinds.LISTS[row.list],
        ip=str(rows.network_of(row)),
        reason=row.reason,
        expires_at=None if row.expires_ms is None else rfc3339(row.expires_ms),
    )
