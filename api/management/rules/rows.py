"""Queries on the rows of the WAF's rules, without the conditions that rules must meet.

A row is visible until it has ended; housekeeping removes it some time later.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    text,
    update,
)

from api.management.database.tables import rules, rules_staged
from api.storage.database import AnyRow
from dataplane.base.clock import Deadline
from dataplane.statelog import RuleRow
from dataplane.waf.document import Rule, to_row

NEWEST_IMPORT = "rules_import"
"""In ``meta``: the revision of the newest import of rules."""
_ROWS_AT_ONCE = 500
_INSERT = insert(rules)
_JSON = ("targets", "profiles")
_WITHOUT_REVISION = tuple(column.name for column in rules.c if column.name != "revision")
_COLUMNS = ", ".join(_WITHOUT_REVISION)
_ONE = select(rules).where(rules.c.number == bindparam("number"))
_REMOVE = delete(rules).where(rules.c.number == bindparam("number"))
_CHANGE = update(rules).where(rules.c.number == bindparam("_number"))
_RESERVE = text("UPDATE sqlite_sequence SET seq = seq + :count WHERE name = 'rules' RETURNING seq")


def visible(boot_ms: int) -> ColumnElement[bool]:
    """The rule has not ended at that time of the boot clock."""
    return or_(rules.c.expires_boot_ms.is_(None), rules.c.expires_boot_ms > boot_ms)


def ended(boot_ms: int) -> ColumnElement[bool]:
    """The rule has ended at that time of the boot clock."""
    return and_(rules.c.expires_boot_ms.is_not(None), rules.c.expires_boot_ms <= boot_ms)


def find(connection: Connection, number: int, boot_ms: int) -> AnyRow | None:
    """The visible row of that number."""
    row = connection.execute(_ONE, {"number": number}).first()
    over = row is not None and row.expires_boot_ms is not None and row.expires_boot_ms <= boot_ms
    return None if over else row


def find_many(connection: Connection, numbers: Collection[int], boot_ms: int) -> Sequence[AnyRow]:
    """The visible rows of those numbers."""
    query = select(rules).where(rules.c.number.in_(numbers), visible(boot_ms))
    return list(connection.execute(query))


def find_of_fleet(
    connection: Connection, fleet_ids: Collection[int], boot_ms: int
) -> dict[int, AnyRow]:
    """The visible rows with these numbers of the fleet."""
    query = select(rules).where(rules.c.fleet_id.in_(fleet_ids), visible(boot_ms))
    return {row.fleet_id: row for row in connection.execute(query)}


def remove_of_fleet(connection: Connection, fleet_ids: Collection[int]) -> None:
    """Remove the rows with these numbers of the fleet, visible or not."""
    connection.execute(delete(rules).where(rules.c.fleet_id.in_(fleet_ids)))


def page(
    connection: Connection, after: int, limit: int, boot_ms: int, origin: str | None = None
) -> Sequence[AnyRow]:
    """Visible rows in the order of their numbers, after a given one."""
    query = select(rules).where(rules.c.number > after, visible(boot_ms))
    if origin is not None:
        query = query.where(rules.c.origin == origin)
    return list(connection.execute(query.order_by(rules.c.number).limit(limit)))


def total(connection: Connection, boot_ms: int, origin: str | None = None) -> int:
    """The number of visible rows, in all or of one origin."""
    if origin is None:
        return usage(connection, boot_ms)[0]
    query = select(func.count()).select_from(rules)
    return int(
        connection.execute(query.where(rules.c.origin == origin, visible(boot_ms))).scalar_one()
    )


def usage(connection: Connection, boot_ms: int) -> tuple[int, int]:
    """The number of visible rows, and the bytes of their patterns."""
    counts = (func.count(), func.coalesce(func.sum(rules.c.pattern_bytes), 0))
    rows, size = connection.execute(select(*counts).select_from(rules)).one()
    query = select(*counts).select_from(rules).where(ended(boot_ms))
    over_rows, over_size = connection.execute(query).one()
    return rows - over_rows, size - over_size


def groups(connection: Connection) -> frozenset[str]:
    """Groups of all rows; ended ones count until they are purged. Takes some milliseconds."""
    query = select(rules.c.group_name).where(rules.c.group_name.is_not(None)).distinct()
    return frozenset(connection.execute(query).scalars())


def has_group(connection: Connection, name: str) -> bool:
    """Whether a row has this group."""
    query = select(rules.c.number).where(rules.c.group_name == name).limit(1)
    return connection.execute(query).first() is not None


def reserve(connection: Connection, count: int) -> int:
    """Reserve consecutive numbers that are never used again; returns the first one."""
    newest = connection.execute(_RESERVE, {"count": count}).scalar()
    if newest is None:  # there has never been a rule
        connection.execute(text("INSERT INTO sqlite_sequence(name, seq) VALUES ('rules', 0)"))
        newest = connection.execute(_RESERVE, {"count": count}).scalar_one()
    return int(newest) - count + 1


def add(connection: Connection, values: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows with all columns given."""
    connection.execute(_INSERT, list(values))


Prepared: TypeAlias = tuple[Any, ...]
"""A new row as the driver takes it, without its revision; much smaller than a mapping."""


def prepare(values: Mapping[str, Any]) -> Prepared:
    """A row for `stage`."""
    return tuple(
        sys.intern(json.dumps(values[name])) if name in _JSON else values[name]
        for name in _WITHOUT_REVISION
    )


def values_of(prepared: Prepared) -> dict[str, Any]:
    """The reverse of `prepare`."""
    values = dict(zip(_WITHOUT_REVISION, prepared, strict=True))
    return {**values, **{name: json.loads(values[name]) for name in _JSON}}


def stage(connection: Connection, prepared: Sequence[Prepared]) -> None:
    """Insert rows that are invisible until `add_staged`."""
    places = ", ".join("?" * len(_WITHOUT_REVISION))
    connection.exec_driver_sql(
        f"INSERT INTO rules_staged({_COLUMNS}) VALUES ({places})",  # noqa: S608
        list(prepared),
    )


def add_staged(connection: Connection, revision: int) -> None:
    """Make all staged rows rules of that revision; takes a quarter of the time of `stage`."""
    connection.exec_driver_sql(
        f"INSERT INTO rules(revision, {_COLUMNS}) "  # noqa: S608
        f"SELECT {revision:d}, {_COLUMNS} FROM rules_staged ORDER BY number"
    )


def clear_staged(connection: Connection) -> None:
    """Delete all staged rows."""
    connection.execute(delete(rules_staged))


def change(connection: Connection, number: int, values: Mapping[str, Any]) -> None:
    """Change values of one row."""
    connection.execute(_CHANGE.values(**values), {"_number": number})


def remove(connection: Connection, number: int) -> None:
    """Delete one row."""
    connection.execute(_REMOVE, {"number": number})


def any_ended(connection: Connection, boot_ms: int) -> bool:
    """Whether there are ended rows to purge."""
    query = select(rules.c.number).where(ended(boot_ms)).limit(1)
    return connection.execute(query).first() is not None


def purge(connection: Connection, boot_ms: int, limit: int) -> int:
    """Remove ended rows; returns the number. The data plane drops ended rules by itself."""
    some = select(rules.c.number).where(ended(boot_ms)).limit(limit)
    return connection.execute(delete(rules).where(rules.c.number.in_(some))).rowcount


def rule_of(values: Mapping[str, Any], boot_id: UUID) -> Rule:
    """The rule of a row for the data plane; its end is on the clock of that boot."""
    deadline = None
    if values["expires_boot_ms"] is not None:
        end = (values["expires_boot_ms"], values["expires_utc_ms"], values["duration_s"])
        deadline = Deadline(boot_id, *end)
    return Rule(
        number=values["number"],
        pattern=values["pattern"],
        action=values["action"],
        severity=values["severity"],
        targets=tuple(values["targets"]),
        profiles=tuple(values["profiles"]),
        enabled=bool(values["enabled"]),
        deadline=deadline,
        name=values["name"],
        group=values["group_name"],
    )


def state_rules(connection: Connection, boot_id: UUID, boot_ms: int) -> Iterator[RuleRow]:
    """Every visible rule in the form of the state log, some hundred in memory at a time."""
    query = select(rules).where(visible(boot_ms)).order_by(rules.c.number)
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
        yield to_row(rule_of(row._asdict(), boot_id))
