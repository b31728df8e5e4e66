"""Adds, changes and removes the fleet's rules.

Only a node can find out whether a pattern compiles and what it costs: a node that refuses a rule
reports it in its applied state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from api.access.audit import service as audit
from api.access.audit.service import Actor, Difference
from api.common.contract.errors import NotFoundError
from api.orchestrator import changes
from api.orchestrator.following.log import ChangeLog
from api.orchestrator.rules import rows
from api.orchestrator.rules.room import check_groups, check_room
from api.rules import trail
from api.rules.wanted import Wanted, check_end
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock
from dataplane.waf.document import rule_id


@dataclass(frozen=True)
class Page:
    """A page of the rules, the number of all, and the position of the next page."""

    rules: tuple[AnyRow, ...]
    total: int
    next: int | None


class FleetRules:
    """All rules of the fleet."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self.log = ChangeLog("rules")

    def add(self, actor: Actor, wanted: Wanted) -> AnyRow:
        """A new rule. Raises `ConflictError` (there is no room), `UnprocessableError` (its end)."""
        now_ms = self._clock.utc_ms()
        check_end(wanted, now_ms, "expires_at")
        with self._database.write() as connection:
            change = changes.bump(connection)
            rows.purge(connection, now_ms)
            size_bytes = len(wanted.pattern.encode())
            check_room(connection, 1, size_bytes, _groups(wanted.group), now_ms)
            number = rows.add(connection, _values(actor, wanted, change, now_ms))
            row = _require(connection, number, now_ms)
            self._note(connection, actor, "add", change, (None, row))
            actor.on_commit(connection, row, change)
        return row

    def change(self, actor: Actor, number: int, values: Mapping[str, Any]) -> AnyRow:
        """Change the columns ``action``, ``enabled`` and ``group_name``.

        Raises `NotFoundError`, `ConflictError`: there is no room for one more group.
        """
        now_ms = self._clock.utc_ms()
        with self._database.write() as connection:
            change = changes.bump(connection)
            before = _require(connection, number, now_ms)
            check_groups(connection, _groups(values.get("group_name")), now_ms)
            rows.change(connection, number, {**values, "change": change})
            row = _require(connection, number, now_ms)
            self._note(connection, actor, "change", change, (before, row))
        return row

    def remove(self, actor: Actor, number: int) -> int:
        """Remove a rule; returns the change. Raises `NotFoundError`."""
        now_ms = self._clock.utc_ms()
        with self._database.write() as connection:
            change = changes.bump(connection)
            row = _require(connection, number, now_ms)
            self._note(connection, actor, "remove", change, (row, None))
            rows.remove(connection, number)
        return change

    def get(self, number: int) -> AnyRow:
        """One rule. Raises `NotFoundError`."""
        with self._database.read() as connection:
            return _require(connection, number, self._clock.utc_ms())

    def page(self, after: int, limit: int) -> Page:
        """Rules in the order of their numbers; changes do not affect this order."""
        now_ms = self._clock.utc_ms()
        with self._database.read() as connection:
            found = rows.page(connection, after, limit + 1, now_ms)
            total, _ = rows.usage(connection, now_ms)
        last = found[limit - 1].number if len(found) > limit else None
        return Page(tuple(found[:limit]), total, last)

    def purge(self) -> None:
        """Delete ended rows, which are no longer visible."""
        with self._database.write(bulk=True) as connection:
            rows.purge(connection, self._clock.utc_ms())

    def confirm(self, actor: Actor) -> int:
        """Confirm that the fleet has lost rules on purpose: nodes need not wait. Returns the
        change."""
        with self._database.write() as connection:
            change, now_ms = changes.bump(connection), self._clock.utc_ms()
            self.log.note(connection, change, ())
            self.log.confirm(connection, change)
            audit.record(connection, actor, "rules.confirm", f"change {change}", now_ms, change)
        return change

    def _note(
        self,
        connection: Connection,
        actor: Actor,
        verb: str,
        change: int,
        rule: tuple[AnyRow | None, AnyRow | None],
    ) -> None:
        """Record the change for nodes and audit trail; ``rule``: its rows before and after."""
        number = next(row.number for row in rule if row is not None)
        self.log.note(connection, change, [rows.item_of(number)])
        told = Difference(*(None if row is None else trail.values(row) for row in rule))
        now_ms, action = self._clock.utc_ms(), f"rules.{verb}"
        audit.record(connection, actor, action, rule_id(number), now_ms, change, difference=told)


def _require(connection: Connection, number: int, now_ms: int) -> AnyRow:
    row = rows.find(connection, number, now_ms)
    if row is None:
        raise NotFoundError(f"the fleet has no rule {rule_id(number)}")
    return row


def _values(actor: Actor, wanted: Wanted, change: int, now_ms: int) -> dict[str, Any]:
    return {
        **rows.values_of(wanted),
        "created_ms": now_ms,
        "created_by": actor.principal.name,
        "change": change,
    }


def _groups(name: object) -> tuple[str, ...]:
    return (name,) if isinstance(name, str) else ()
