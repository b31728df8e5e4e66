"""The answers about the fleet's rules that nodes get."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from api.common.contract.schemas import rfc3339
from api.orchestrator.following.log import ChangeLog
from api.orchestrator.following.part import Asked, FollowedPart
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


def followed(database: Database, clock: Clock, log: ChangeLog) -> FollowedPart[FollowRulesQuery]:
    """Make the part; it is safe for the threads of one worker."""

    def delta(connection: Connection, asked: Asked[FollowRulesQuery]) -> FollowedRules | None:
        found = rows.changed(connection, asked.query.since, FOLLOWED_MAX + 1, asked.now_ms)
        if len(found) > FOLLOWED_MAX:
            return None
        there = {row.number for row in found}
        touched = map(rows.number_from, log.since(connection, asked.query.since))
        removed = [rule_id(number) for number in touched if number not in there]
        return _body(asked, found, full=False, removed=removed)

    return FollowedPart(database, clock, log, delta, _page)


def _page(connection: Connection, asked: Asked[FollowRulesQuery]) -> FollowedRules:
    cursor, now_ms = asked.query.cursor, asked.now_ms
    found = rows.page(connection, int(cursor or 0), FOLLOWED_MAX + 1, now_ms)
    more = len(found) > FOLLOWED_MAX
    return _body(
        asked,
        found[:FOLLOWED_MAX],
        full=True,
        confirmed=asked.is_confirmed,
        total=0 if cursor else rows.usage(connection, now_ms)[0],
        next_cursor=str(found[FOLLOWED_MAX - 1].number) if more else None,
    )


def _body(asked: Asked[FollowRulesQuery], found: Sequence[AnyRow], **more: Any) -> FollowedRules:
    fields: dict[str, Any] = {
        "confirmed": False,
        "total": 0,
        "rules": [FollowedRule(**fields_of(row)) for row in found],
        "removed": [],
        "next_cursor": None,
    }
    return FollowedRules(**{**asked.head(), **fields, **more})


def fields_of(row: AnyRow) -> dict[str, Any]:
    """The fields of a rule in bodies."""
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
