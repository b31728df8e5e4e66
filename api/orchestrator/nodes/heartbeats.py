"""Heartbeats: what each node says of itself, every ten seconds.

A thousand nodes are a hundred heartbeats a second, and nearly all of them bring other figures and
nothing else. Those are kept in memory and written once a second, all in one transaction: a worker
that dies loses a second of figures. A change of anything else is written before it is answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from api.common.errors import NotFoundError
from api.common.schemas import utc_ms
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.schemas import Heartbeat
from api.orchestrator.nodes.status import CLOCK_OFF_MS, SILENT_MS, judge
from api.orchestrator.threats import incidents
from api.storage.claim import claim
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock

SILENT_CHUNK = 100
"""So many nodes are found silent in one turn."""
BREAK_MS = 10_000
"""After a longer break between two turns nobody is found silent: it was we who did not listen."""
_KNOWN = select(
    *(nodes.c.mode, nodes.c.health, nodes.c.reasons, nodes.c.version, nodes.c.address),
    *(nodes.c.applied, nodes.c.boot_id, nodes.c.desired, nodes.c.duplicate_ms, nodes.c.status),
    nodes.c.rule_types,
).where(nodes.c.id == bindparam("node"))
"""What tells whether a heartbeat says anything new: every column costs each of them."""
_BEFORE = {"stats_before": nodes.c.stats, "seen_before_ms": nodes.c.seen_ms}


@dataclass(frozen=True)
class StatusChange:
    """Of one node."""

    node: str
    previous: str
    status: str
    reasons: list[str]
    at_ms: int


Tell = Callable[[Connection, StatusChange], None]
"""Called in the transaction of the change."""


@dataclass(frozen=True)
class _Judged:
    """What a heartbeat makes of a node, as `status.Known` wants it."""

    seen_ms: int
    health: str
    reasons: list[str]
    desired: str
    clock_off_ms: int
    duplicate_ms: int | None


class Heartbeats:
    """For the threads of one worker."""

    def __init__(self, database: Database, clock: Clock, tell: Tell) -> None:
        self._database = database
        self._clock = clock
        self._tell = tell
        self._lock = threading.Lock()
        self._figures: dict[str, dict[str, Any]] = {}
        """What is to be written, by node."""
        self._turned_ms: int | None = None
        self._listening_ms = 0

    def take(self, node: str, sent: Heartbeat) -> int:
        """Keep what a node says of itself; returns when, by the orchestrator's clock.

        Raises `NotFoundError`.
        """
        now_ms = self._clock.utc_ms()
        figures = {
            "seen_ms": now_ms,
            "load": sent.load,
            "stats": dict(sent.stats),
            "clock_off_ms": utc_ms(sent.at) - now_ms,
        }
        with self._database.peek() as connection:
            row = connection.execute(_KNOWN, {"node": node}).first()
        if row is None:
            raise NotFoundError(f"there is no node {node!r}")
        if not sent.incidents and not _changes(row, sent, figures):
            with self._lock:
                self._figures[node] = figures
            return now_ms
        self._write(node, sent, figures)
        return now_ms

    def flush(self) -> None:
        """Write the figures of the last second."""
        with self._lock:
            figures, self._figures = self._figures, {}
        if not figures:
            return
        fresh = nodes.c.seen_ms < bindparam("new_seen_ms")
        statement = update(nodes).where(nodes.c.id == bindparam("node"), fresh)
        names = next(iter(figures.values()))
        new: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names}
        statement = statement.values(new | _BEFORE)
        rows = [
            {"node": node} | {f"new_{name}": value for name, value in values.items()}
            for node, values in sorted(figures.items())  # one order: no two workers lock crosswise
        ]
        with self._database.write(shared=True) as connection:
            connection.execute(statement, rows)

    def find_silent(self) -> None:
        """Tell of the nodes that have become unreachable."""
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

    def _write(self, node: str, sent: Heartbeat, figures: dict[str, Any]) -> None:
        now_ms, off_ms = figures["seen_ms"], figures["clock_off_ms"]
        query = select(nodes).where(nodes.c.id == node).with_for_update()
        with self._database.write(shared=True) as connection:
            row = connection.execute(query).first()
            if row is None:
                raise NotFoundError(f"there is no node {node!r}")
            values = _said(sent) | figures | _hosts(row, sent, now_ms)
            self._change(connection, row, _judged(row, values), now_ms)
            connection.execute(update(nodes).where(nodes.c.id == node).values(values | _BEFORE))
            ahead_ms = off_ms if abs(off_ms) > CLOCK_OFF_MS else 0
            if values.get("rule_types", row.rule_types) != row.rule_types:
                changes.bump(connection)  # another release may take another policy
            if sent.incidents:
                incidents.keep(connection, node, sent.incidents, now_ms, ahead_ms)
        with self._lock:
            self._figures.pop(node, None)

    def _change(self, connection: Connection, row: AnyRow, known: Any, now_ms: int) -> None:
        status, reasons = judge(known, now_ms)
        if status == row.status:
            return
        connection.execute(update(nodes).where(nodes.c.id == row.id).values(status=status))
        previous = row.status or "registering"
        self._tell(connection, StatusChange(row.id, previous, status, reasons, now_ms))


def _changes(row: AnyRow, sent: Heartbeat, figures: dict[str, Any]) -> bool:
    """Whether a heartbeat says more than other figures."""
    if any(getattr(row, name) != value for name, value in _said(sent).items()):
        return True
    status, _ = judge(_judged(row, _said(sent) | figures), figures["seen_ms"])
    return bool(status != row.status)


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
    """Two hosts with one id take turns: the boot before the last one is back.

    A host that is started anew has another boot id each time, and never an earlier one.
    """
    if row.boot_id in {None, sent.boot_id}:
        return {}
    is_back = sent.boot_id == row.previous_boot_id
    return {"previous_boot_id": row.boot_id} | ({"duplicate_ms": now_ms} if is_back else {})


def _judged(row: AnyRow, values: dict[str, Any]) -> _Judged:
    return _Judged(
        seen_ms=values["seen_ms"],
        health=values["health"],
        reasons=values["reasons"],
        desired=row.desired,
        clock_off_ms=values["clock_off_ms"],
        duplicate_ms=values.get("duplicate_ms", row.duplicate_ms),
    )
