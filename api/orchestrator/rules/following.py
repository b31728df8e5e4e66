"""What nodes are told of the fleet's rules: what has changed since they asked, or everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from api.common.schemas import rfc3339
from api.orchestrator.following.answers import Answers
from api.orchestrator.following.log import ChangeLog, Position
from api.orchestrator.rules import rows
from api.orchestrator.rules.schemas import (
    FOLLOWED_MAX,
    FollowedRule,
    FollowedRules,
    FollowRulesQuery,
)
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.waf.document import rule_id


class FollowedRuleSet:
    """For the threads of one worker."""

    def __init__(self, database: Database, clock: Clock, log: ChangeLog) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._answers = Answers()

    def part(self, connection: Connection) -> Callable[[str], Mapping[str, Any]]:
        """The part of `DesiredBody` that says how far the rules are; the same for every node."""
        fields = {"rules": self._log.position(connection).change}
        return lambda _node: fields

    def answer(self, query: FollowRulesQuery) -> bytes:
        """A `FollowedRules` as JSON; its time is that of the asking."""
        with self._database.read() as connection:
            position, now_ms = self._log.position(connection), self._clock.utc_ms()
            is_confirmed = position.is_confirmed(query.epoch, query.since)
            is_delta = query.cursor is None and position.is_delta(query.epoch, query.since)
            key = (position, is_confirmed, query.cursor, query.since if is_delta else None)

            def make() -> FollowedRules:
                found = self._delta(connection, position, query.since, now_ms) if is_delta else None
                return found or self._page(connection, position, query, now_ms)

            found = self._answers.get(key, make)
        return b'{"at":"' + rfc3339(now_ms).encode() + b'",' + found

    def _delta(
        self, connection: Connection, position: Position, since: int, now_ms: int
    ) -> FollowedRules | None:
        """None: it is more than is told at once."""
        found = rows.changed(connection, since, FOLLOWED_MAX + 1, now_ms)
        if len(found) > FOLLOWED_MAX:
            return None
        there = {row.number for row in found}
        touched = map(rows.number_from, self._log.since(connection, since))
        removed = [rule_id(number) for number in touched if number not in there]
        return _body(position, now_ms, found, full=False, removed=removed)

    def _page(
        self, connection: Connection, position: Position, query: FollowRulesQuery, now_ms: int
    ) -> FollowedRules:
        found = rows.page(connection, int(query.cursor or 0), FOLLOWED_MAX + 1, now_ms)
        more = len(found) > FOLLOWED_MAX
        return _body(
            position,
            now_ms,
            found[:FOLLOWED_MAX],
            full=True,
            confirmed=position.is_confirmed(query.epoch, query.since),
            total=0 if query.cursor else rows.usage(connection, now_ms)[0],
            next_cursor=str(found[FOLLOWED_MAX - 1].number) if more else None,
        )


def _body(position: Position, now_ms: int, found: Sequence[AnyRow], **more: Any) -> FollowedRules:
    fields: dict[str, Any] = {
        "at": rfc3339(now_ms),
        "epoch": position.epoch,
        "change": position.change,
        "confirmed": False,
        "total": 0,
        "rules": [FollowedRule(**fields_of(row)) for row in found],
        "removed": [],
        "next_cursor": None,
    }
    return FollowedRules(**{**fields, **more})


def fields_of(row: AnyRow) -> dict[str, Any]:
    """What makes a rule, as bodies have it."""
    return {
        "id": rule_id(row.number),
        "name": row.name,
        "group": row.group_name,
        "pattern": row.pattern,
        "action": row.action,
        "severity": row.severity,
        "targets": list(row.targets),
        "profiles": list(row.profiles),
        "enabled": bool(row.enabled),
        "expires_at": None if row.expires_ms is None else rfc3339(row.expires_ms),
    }
