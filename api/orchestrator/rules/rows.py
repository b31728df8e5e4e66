"""Queries on the rows of the fleet's rules, without the conditions that rules must meet.

A row is visible until it has ended by the database's clock; it is purged some time later.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, literal, or_, select, update

from api.orchestrator.database.tables.rules import fleet_rules, fleet_rules_staged
from api.rules.wanted import Wanted
from api.storage.database import AnyRow

_rule, _staged = fleet_rules.c, fleet_rules_staged.c


def item_of(number: int) -> bytes:
    """A rule in the form of the log of changes."""
    return number.to_bytes(8, "big")


def number_from(item: bytes) -> int:
    """The reverse of `item_of`."""
    return int.from_bytes(item, "big")


def visible(now_ms: int) -> ColumnElement[bool]:
    """The rule has not ended at that time."""
    return or_(_rule.expires_ms.is_(None), _rule.expires_ms > now_ms)


def find(connection: Connection, number: int, now_ms: int) -> AnyRow | None:
    """The visible row of that number."""
    query = select(fleet_rules).where(_rule.number == number, visible(now_ms))
    return connection.execute(query).first()


def add(connection: Connection, values: Mapping[str, Any]) -> int:
    """Insert a row; returns its number."""
    query = insert(fleet_rules).values(**values).returning(_rule.number)
    return int(connection.execute(query).scalar_one())


def values_of(wanted: Wanted) -> dict[str, Any]:
    """The columns of a row that belong to the rule itself."""
    return {
        "name": wanted.name,
        "group_name": wanted.group,
        "pattern": wanted.pattern,
        "pattern_bytes": len(wanted.pattern.encode()),
        "action": wanted.action,
        "severity": wanted.severity,
        "targets": list(wanted.targets),
        "profiles": list(wanted.profiles),
        "enabled": wanted.enabled,
        "expires_ms": wanted.expires_utc_ms,
    }


def staged(connection: Connection, import_id: str) -> tuple[int, int, frozenset[str]]:
    """The number of an import's lines, the bytes of their patterns, and their groups."""
    mine = _staged.import_id == import_id
    size = func.coalesce(func.sum(_staged.pattern_bytes), 0)
    count, size_bytes = connection.execute(select(func.count(), size).where(mine)).one()
    names = select(_staged.group_name).where(mine, _staged.group_name.is_not(None)).distinct()
    return int(count), int(size_bytes), frozenset(connection.execute(names).scalars())


def add_staged(
    connection: Connection, import_id: str, created_by: str, change: int, now_ms: int
) -> None:
    """Make rules of an import's lines, in their order."""
    common = {"created_ms": now_ms, "created_by": created_by, "change": change}
    copied = [column.name for column in fleet_rules_staged.c if column.name in _rule]
    chosen = select(*map(literal, common.values()), *(_staged[name] for name in copied))
    chosen = chosen.where(_staged.import_id == import_id).order_by(_staged.line)
    connection.execute(insert(fleet_rules).from_select([*common, *copied], chosen))


def change(connection: Connection, number: int, values: Mapping[str, Any]) -> None:
    """Change values of one row."""
    connection.execute(update(fleet_rules).where(_rule.number == number).values(**values))


def remove(connection: Connection, number: int) -> None:
    """Delete one row."""
    connection.execute(delete(fleet_rules).where(_rule.number == number))


def page(connection: Connection, after: int, limit: int, now_ms: int) -> Sequence[AnyRow]:
    """Visible rows in the order of their numbers, after a given one."""
    query = select(fleet_rules).where(_rule.number > after, visible(now_ms))
    return connection.execute(query.order_by(_rule.number).limit(limit)).all()


def changed(connection: Connection, after_change: int, limit: int, now_ms: int) -> Sequence[AnyRow]:
    """Visible rows that were written after a change."""
    query = select(fleet_rules).where(_rule.change > after_change, visible(now_ms))
    return connection.execute(query.order_by(_rule.number).limit(limit)).all()


def usage(connection: Connection, now_ms: int) -> tuple[int, int]:
    """The number of visible rows, and the bytes of their patterns."""
    counts = (func.count(), func.coalesce(func.sum(_rule.pattern_bytes), 0))
    count, size = connection.execute(select(*counts).where(visible(now_ms))).one()
    return int(count), int(size)


def groups(connection: Connection, now_ms: int) -> frozenset[str]:
    """The groups of all visible rows."""
    query = select(_rule.group_name).where(_rule.group_name.is_not(None), visible(now_ms))
    return frozenset(connection.execute(query.distinct()).scalars())


def purge(connection: Connection, now_ms: int) -> None:
    """Delete rows that have ended. Nodes end them by themselves."""
    connection.execute(delete(fleet_rules).where(_rule.expires_ms <= now_ms))
