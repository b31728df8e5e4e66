"""The versions of the fleet's policy, numbered from 1."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from api.access.audit.service import Actor
from api.common.contract.errors import NotFoundError
from api.orchestrator.database.tables.policies import deployments, fleet_policies
from api.storage.database import AnyRow
from dataplane.base.errors import InvalidInputError
from dataplane.policy import PolicyDocument, Stored, parse_policy, profiles_of, rules_of

VERSIONS_MAX = 100
"""Versions that are kept beside those that determine the policy of nodes."""

_NEWEST = select(func.max(fleet_policies.c.number))


def add(
    connection: Connection, actor: Actor, action: str, document: PolicyDocument, now_ms: int
) -> int:
    """Insert a version; the caller has taken a change number (`api.orchestrator.changes`)."""
    number = (connection.execute(_NEWEST).scalar() or 0) + 1
    connection.execute(
        insert(fleet_policies).values(
            number=number,
            name=document.name,
            document=document.model_dump(mode="json"),
            rule_types=sorted(types_of(document)),
            action=action,
            created_ms=now_ms,
            created_by=actor.principal.name,
        )
    )
    return number


def types_of(document: PolicyDocument) -> frozenset[str]:
    """Types of all rules of all profiles."""
    rules = [*document.rules, *(rule for each in document.profiles for rule in each.rules)]
    return frozenset(rule.type for rule in rules)


def get(connection: Connection, number: int) -> AnyRow:
    """One version. Raises `NotFoundError`."""
    query = select(fleet_policies).where(fleet_policies.c.number == number)
    row = connection.execute(query).first()
    if row is None:
        raise NotFoundError(f"no version {number} of the fleet's policy is kept")
    return row


def current(connection: Connection) -> AnyRow:
    """The version of the newest deployment that stands. Raises `NotFoundError`."""
    newest = select(func.max(deployments.c.id)).where(deployments.c.stands == 1).scalar_subquery()
    number = connection.execute(
        select(deployments.c.policy).where(deployments.c.id == newest)
    ).scalar()
    if number is None:
        raise NotFoundError("the fleet has no policy: none was deployed, or it was withdrawn")
    return get(connection, number)


def page(
    connection: Connection, limit: int, before: int | None
) -> tuple[list[AnyRow], int, int | None]:
    """A page, newest first; the number of all; and the position of the next page."""
    table = fleet_policies
    query = select(table).order_by(table.c.number.desc()).limit(limit + 1)
    if before is not None:
        query = query.where(table.c.number < before)
    rows = list(connection.execute(query))
    total = connection.execute(select(func.count()).select_from(table)).scalar_one()
    return rows[:limit], total, rows[limit - 1].number if len(rows) > limit else None


def before_newest(connection: Connection) -> int:
    """The version before the newest. Raises `NotFoundError`."""
    table = fleet_policies
    query = select(table.c.number).order_by(table.c.number.desc()).offset(1).limit(1)
    number = connection.execute(query).scalar()
    if number is None:
        raise NotFoundError("the fleet's policy has no version before the newest")
    return int(number)


def validated(row: AnyRow) -> PolicyDocument:
    """The document of a former version, validated again. Raises `InvalidInputError`."""
    try:
        return parse_policy(row.document)
    except InvalidInputError as error:
        raise error.of(f"version {row.number} is no policy for this release") from error


def purge(connection: Connection) -> None:
    """Delete versions beyond `VERSIONS_MAX`, except those that determine the policy of a node."""
    table = fleet_policies
    newest = connection.execute(_NEWEST).scalar() or 0
    ruling = select(deployments.c.policy).where(deployments.c.stands == 1)
    old = table.c.number <= newest - VERSIONS_MAX
    connection.execute(delete(table).where(old, table.c.number.not_in(ruling)))


def sizes(document: Stored) -> dict[str, Any]:
    """The number of rules, and of profiles beside the default one."""
    found = [len(rules_of(profile)) for _, profile in profiles_of(document)]
    return {"rules": sum(found), "profiles": len(found) - 1}
