"""The status of a node, from its last report and its age; in Python and in SQL."""

from __future__ import annotations

from typing import Protocol

from sqlalchemy import ColumnElement, Text, and_, case, cast, func

from api.common.health import DRAINING
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.schemas import Status

SILENT_MS = 30_000
"""Three heartbeat intervals: a node that is silent for longer is unreachable."""
CLOCK_OFF_MS = 5_000
"""Allowed difference between a node's clock and the database's."""
DUPLICATE_MS = 60_000
"""For so long after two hosts with one id were detected, the node counts as duplicate."""
CLOCK_OFF, DUPLICATE = "clock_off", "duplicate"


class Known(Protocol):
    """The known state of a node: a row of `nodes`, or the values of a new one."""

    @property
    def seen_ms(self) -> int | None:
        """Time of its last heartbeat."""

    @property
    def health(self) -> str | None:
        """The health that the node reports."""

    @property
    def reasons(self) -> list[str]:
        """The reasons that the node reports."""

    @property
    def desired(self) -> str:
        """``active`` or ``draining``."""

    @property
    def clock_off_ms(self) -> int | None:
        """The node's clock minus the database's."""

    @property
    def duplicate_ms(self) -> int | None:
        """Time when another host last used the same id."""


def judge(node: Known, now_ms: int) -> tuple[Status, list[str]]:
    """The status of a node, and the reasons."""
    if node.seen_ms is None:
        return "registering", []
    silent_ms = now_ms - node.seen_ms
    if silent_ms > SILENT_MS:
        return "unreachable", [f"silent for {silent_ms // 1000} s"]
    doubts = _doubts(node, now_ms)
    reasons = [*(reason for reason in node.reasons if reason != DRAINING), *doubts]
    if node.desired == "draining" or DRAINING in node.reasons:
        return "draining", reasons
    return ("healthy" if node.health == "healthy" and not doubts else "degraded"), reasons


def sql_status(now_ms: int) -> ColumnElement[str]:
    """The status as an SQL expression."""
    is_one = nodes.c.duplicate_ms.is_(None) | (nodes.c.duplicate_ms < now_ms - DUPLICATE_MS)
    is_in_time = func.abs(func.coalesce(nodes.c.clock_off_ms, 0)) <= CLOCK_OFF_MS
    return case(
        (nodes.c.seen_ms.is_(None), "registering"),
        (nodes.c.seen_ms < now_ms - SILENT_MS, "unreachable"),
        (nodes.c.desired == "draining", "draining"),
        (cast(nodes.c.reasons, Text).like(f'%"{DRAINING}"%'), "draining"),
        (and_(nodes.c.health == "healthy", is_one, is_in_time), "healthy"),
        else_="degraded",
    )


def _doubts(node: Known, now_ms: int) -> list[str]:
    found = []
    if node.duplicate_ms is not None and node.duplicate_ms >= now_ms - DUPLICATE_MS:
        found.append(DUPLICATE)
    if abs(node.clock_off_ms or 0) > CLOCK_OFF_MS:
        found.append(CLOCK_OFF)
    return found
