"""What nodes are told of the fleet's lists: what has changed since they asked, or everything.

A thousand nodes ask for the same change within a second. So a worker keeps the newest answers, as
the text that is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from api.common.schemas import rfc3339
from api.lists import kinds
from api.orchestrator.entries import rows
from api.orchestrator.entries.schemas import (
    FollowedEntry,
    FollowedLists,
    FollowedNetwork,
    FollowQuery,
)
from api.orchestrator.following.answers import Answers
from api.orchestrator.following.log import ChangeLog, Position
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network


class FollowedEntries:
    """For the threads of one worker."""

    def __init__(self, database: Database, clock: Clock, log: ChangeLog) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._answers = Answers()

    def part(self, connection: Connection) -> Callable[[str], Mapping[str, Any]]:
        """The part of `DesiredBody` that says how far the lists are; the same for every node."""
        fields = {"lists": self._log.position(connection).change}
        return lambda _node: fields

    def answer(self, query: FollowQuery) -> bytes:
        """A `FollowedLists` as JSON; its time is that of the asking."""
        with self._database.read() as connection:
            position, now_ms = self._log.position(connection), self._clock.utc_ms()
            is_delta = query.cursor is None and position.is_delta(query.epoch, query.since)
            is_confirmed = position.is_confirmed(query.epoch, query.since)
            key: tuple[object, ...] = (position, is_confirmed, query.cursor, query.limit)
            if is_delta:
                key = (position, query.since)
            found = self._answers.get(
                key,
                lambda: (
                    self._delta(connection, position, query.since, now_ms)
                    if is_delta
                    else self._page(connection, position, query, now_ms)
                ),
            )
        return b'{"at":"' + rfc3339(now_ms).encode() + b'",' + found

    def _delta(
        self, connection: Connection, position: Position, since: int, now_ms: int
    ) -> FollowedLists:
        found = rows.changed(connection, since, now_ms)
        there = {rows.item_of(rows.place_of(row.list, rows.network_of(row))) for row in found}
        touched = self._log.since(connection, since)
        gone = [rows.place_from(item) for item in touched if item not in there]
        removed = [
            FollowedNetwork(list=kinds.LISTS[lists], ip=str(Network(key, length)))
            for lists, key, length in gone
        ]
        return _body(position, now_ms, found, full=False, removed=removed)

    def _page(
        self, connection: Connection, position: Position, query: FollowQuery, now_ms: int
    ) -> FollowedLists:
        after = None if query.cursor is None else rows.place_from(bytes.fromhex(query.cursor))
        found = rows.page(connection, after, query.limit + 1, now_ms)
        counts = rows.totals(connection, now_ms) if query.cursor is None else {}
        cursor = None
        if len(found) > query.limit:
            last = found[query.limit - 1]
            cursor = rows.item_of((last.list, last.key, last.prefix_length)).hex()
        return _body(
            position,
            now_ms,
            found[: query.limit],
            full=True,
            confirmed=position.is_confirmed(query.epoch, query.since),
            totals={name: counts.get(number, 0) for number, name in enumerate(kinds.LISTS)},
            next_cursor=cursor,
        )


def _body(position: Position, now_ms: int, found: Sequence[AnyRow], **more: Any) -> FollowedLists:
    fields: dict[str, Any] = {
        "at": rfc3339(now_ms),
        "epoch": position.epoch,
        "change": position.change,
        "confirmed": False,
        "totals": {},
        "entries": [_entry(row) for row in found],
        "removed": [],
        "next_cursor": None,
    }
    return FollowedLists(**{**fields, **more})


def _entry(row: AnyRow) -> FollowedEntry:
    return FollowedEntry(
        list=kinds.LISTS[row.list],
        ip=str(rows.network_of(row)),
        reason=row.reason,
        expires_at=None if row.expires_ms is None else rfc3339(row.expires_ms),
    )
