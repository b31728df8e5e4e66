"""Reports changes of a node's health: the events `node_health`."""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select

from api.agent.recording.journal.event import NODE_HEALTH, Event
from api.agent.recording.journal.journal import Journal
from api.common.health import STEADY_S, Health, judge
from api.history.tables import events
from dataplane.shared.stats import NodeStats

START_S = 10.0
"""The same delay after the agent's start: the data plane may start later."""

Condition = tuple[Health, tuple[str, ...]]


class ConditionWatch:
    """Used by the recording thread only."""

    def __init__(self, journal: Journal, now_s: float) -> None:
        self._journal = journal
        self._told: Condition | None = None
        self._is_known = False
        self._seen: Condition | None = None
        self._since_s = now_s
        self._not_before_s = now_s + START_S

    def look(
        self, stats: NodeStats | None, others: Sequence[str], now_s: float, now_ms: int
    ) -> Event | None:
        """The event to record, if any; call `told` after it is recorded.

        Raises `StorageError`.
        """
        health, reasons = judge(stats, others)
        condition = health, tuple(reasons)
        if condition != self._seen:
            self._seen, self._since_s = condition, now_s
        if now_s - self._since_s < STEADY_S or now_s < self._not_before_s:
            return None
        if not self._is_known:
            self._told, self._is_known = self._last_told(), True
        if condition == self._told:
            return None
        previous = None if self._told is None else self._told[0]
        data = {"status": health, "previous": previous, "reasons": reasons}
        return Event(NODE_HEALTH, now_ms, data)

    def told(self) -> None:
        """Call when the event of `look` is recorded."""
        self._told = self._seen

    def _last_told(self) -> Condition | None:
        """The state that an earlier process reported last; a node without any report
        was healthy."""
        query = select(events.c.data).where(events.c.kind == NODE_HEALTH)
        with self._journal.read() as connection:
            text = connection.execute(query.order_by(events.c.sequence.desc()).limit(1)).scalar()
        if text is None:
            return None
        data = json.loads(text)
        return data["status"], tuple(data["reasons"])
