"""Processes heartbeats, which each node sends every ten seconds.

A thousand nodes send a hundred heartbeats a second, nearly all with new figures and no other
change. Those need no query: they are compared with the worker's cache, queued, and written once a
second in one statement. A worker that dies loses a second of figures. Any other change is written
before it is answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from api.common.contract.errors import NotFoundError
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import new_stamp, nodes
from api.orchestrator.nodes.heartbeats import figures as many
from api.orchestrator.nodes.heartbeats.memory import (
    Figures,
    Judged,
    Known,
    Memory,
    saying_of,
)
from api.orchestrator.nodes.schemas import Heartbeat
from api.orchestrator.nodes.status import CLOCK_OFF_MS, SILENT_MS, judge
from api.orchestrator.threats import incidents
from api.storage.clock import utc_ms_at_hand
from api.storage.database import AnyRow, Database
from api.storage.statements.claim import claim
from dataplane.base.clock import Clock

SILENT_CHUNK = 100
"""Silent nodes that are processed in one turn."""
CHANGED_CHUNK = 500
"""Heartbeats of changed rows that are processed again in one turn."""
BREAK_MS = 10_000
"""After a longer pause between two turns, no node counts as silent: this process was
not listening."""
_KNOWN = select(
    *(nodes.c.mode, nodes.c.health, nodes.c.reasons, nodes.c.version, nodes.c.address),
    *(nodes.c.applied, nodes.c.boot_id, nodes.c.desired, nodes.c.duplicate_ms, nodes.c.status),
    *(nodes.c.rule_types, nodes.c.stamp),
).where(nodes.c.id == bindparam("node"))
"""The values that decide whether a heartbeat has changes."""


@dataclass(frozen=True)
class StatusChange:
    """The change of a node's status."""

    node: str
    previous: str
    status: str
    reasons: list[str]
    at_ms: int


Tell = Callable[[Connection, StatusChange], None]
"""Called in the transaction of the change."""


class Heartbeats:
    """The service; safe for the threads of one worker."""

    def __init__(self, database: Database, clock: Clock, tell: Tell) -> None:
        self._database = database
        self._clock = clock
        self._tell = tell
        self._memory = Memory()
        self._turned_ms: int | None = None
        self._listening_ms = 0

    def take(self, node: str, sent: Heartbeat) -> int:
        """Store a heartbeat; returns its time by the orchestrator's clock.

        Raises `NotFoundError`.
        """
        now_ms = self._clock.utc_ms()
        figures = Figures.of(sent, now_ms)
        with self._database.peek() as connection:
            row = connection.execute(_KNOWN, {"node": node}).first()
        if row is None:
            raise _unknown(node)
        if not sent.incidents and not _differs(row, sent):
            self._memory.learn(node, _known(row, sent), now_ms)
            if self._memory.note(node, sent, figures):
                return now_ms
        self._write(node, sent, figures)
        return now_ms

    def take_at_hand(self, node: str, sent: Heartbeat) -> int | None:
        """The same as `take`, without a query, for a heartbeat with new figures alone; None: it
        needs `take`."""
        now_ms = utc_ms_at_hand(self._clock)
        if now_ms is None or not self._memory.note(node, sent, Figures.of(sent, now_ms)):
            return None
        return now_ms

    def flush(self) -> None:
        """Write the figures of the last second.

        A heartbeat whose row has changed since it was cached is written completely, unless the row
        has newer figures or was deleted.
        """
        waiting = self._memory.take_waiting()
        if not waiting:
            return
        with self._database.write(shared=True) as connection:
            written = many.write(connection, waiting)
        left = [(node, each) for node, each in waiting.items() if node not in written]
        for node, each in left[:CHANGED_CHUNK]:
            self._memory.forget(node)
            self._write(node, each.sent, each.figures, is_late=True)
        for node, each in left[CHANGED_CHUNK:]:
            self._memory.put_back(node, each)

    def find_silent(self) -> None:
        """Change the status of nodes that have become unreachable."""
        now_ms, boot_ms = self._clock.utc_ms(), self._clock.boot_ms()
        if self._turned_ms is None or boot_ms - self._turned_ms > BREAK_MS:
            self._listening_ms = boot_ms
        self._turned_ms = boot_ms
        if boot_ms - self._listening_ms <= SILENT_MS:
            return
        is_silent = nodes.c.seen_ms < now_ms - SILENT_MS
        query = select(nodes).where(is_silent, nodes.c.status != "unreachable")
        with self._database.read() as connection:
            if connection.execute(query.limit(1)).first() is None:
                return
        with self._database.write(shared=True) as connection:
            for row in claim(connection, query.order_by(nodes.c.id).limit(SILENT_CHUNK)):
                self._change(connection, row, row, now_ms)

    def _write(
        self, node: str, sent: Heartbeat, figures: Figures, *, is_late: bool = False
    ) -> None:
        """Write all values of a heartbeat; ``is_late``: a newer one may have been
        written already."""
        now_ms, off_ms, stamp = figures.seen_ms, figures.clock_off_ms, new_stamp()
        query = select(nodes).where(nodes.c.id == node).with_for_update()
        with self._database.write(shared=True) as connection:
            row = connection.execute(query).first()
            if is_late and (row is None or (row.seen_ms or 0) >= now_ms):
                return
            if row is None:
                raise _unknown(node)
            values = _said(sent) | figures.columns() | _hosts(row, sent, now_ms)
            status = self._change(connection, row, _judged(row, values), now_ms)
            values |= {"stamp": stamp}
            connection.execute(update(nodes).where(nodes.c.id == node).values(values | many.BEFORE))
            ahead_ms = off_ms if abs(off_ms) > CLOCK_OFF_MS else 0
            if values.get("rule_types", row.rule_types) != row.rule_types:
                changes.bump(connection)  # another release may accept another policy
            if sent.incidents:
                incidents.keep(connection, node, sent.incidents, now_ms, ahead_ms)
        duplicate_ms = values.get("duplicate_ms", row.duplicate_ms)
        known = Known(saying_of(sent), status, row.desired, duplicate_ms, stamp)
        self._memory.learn(node, known, now_ms)

    def _change(self, connection: Connection, row: AnyRow, known: Any, now_ms: int) -> str:
        """Write and report the status if it has changed; returns it."""
        status, reasons = judge(known, now_ms)
        if status != row.status:
            connection.execute(update(nodes).where(nodes.c.id == row.id).values(status=status))
            previous = row.status or "registering"
            self._tell(connection, StatusChange(row.id, previous, status, reasons, now_ms))
        return status


def _differs(row: AnyRow, sent: Heartbeat) -> bool:
    return any(getattr(row, name) != value for name, value in _said(sent).items())


def _known(row: AnyRow, sent: Heartbeat) -> Known:
    """Cache a row that has the same values as the heartbeat."""
    return Known(saying_of(sent), row.status, row.desired, row.duplicate_ms, row.stamp)


def _said(sent: Heartbeat) -> dict[str, Any]:
    return {
        "mode": sent.mode,
        "health": sent.health,
        "reasons": list(sent.reasons),
        "version": sent.version,
        "address": sent.address,
        "applied": {name: each.model_dump() for name, each in sent.applied.items()},
        "boot_id": sent.boot_id,
    } | ({} if sent.rule_types is None else {"rule_types": list(sent.rule_types)})


def _hosts(row: AnyRow, sent: Heartbeat, now_ms: int) -> dict[str, Any]:
    """Detects two hosts with one id: a heartbeat has the boot before the last one.

    A restarted host has a new boot id each time, and never returns to an earlier one.
    """
    if row.boot_id in {None, sent.boot_id}:
        return {}
    is_back = sent.boot_id == row.previous_boot_id
    return {"previous_boot_id": row.boot_id} | ({"duplicate_ms": now_ms} if is_back else {})


def _judged(row: AnyRow, values: dict[str, Any]) -> Judged:
    return Judged(
        seen_ms=values["seen_ms"],
        health=values["health"],
        reasons=values["reasons"],
        desired=row.desired,
        clock_off_ms=values["clock_off_ms"],
        duplicate_ms=values.get("duplicate_ms", row.duplicate_ms),
    )


def _unknown(node: str) -> NotFoundError:
    return NotFoundError(f"there is no node {node!r}")
