"""Removes rows that are too old or too many, a bounded number at a time."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, Delete, delete, func, select

from api.agent.recording.journal.journal import Journal
from api.agent.recording.journal.keep import Keep
from api.history.tables import captures, deliveries, events, incidents

DAY_MS = 86_400_000
STEP_ROWS = 500
BUSY_S, IDLE_S = 1.0, 60.0
"""Interval of the steps, while there are rows to remove and otherwise."""


class Retention:
    """Used by the recording thread only."""

    def __init__(self, journal: Journal, keep: Keep) -> None:
        self._journal = journal
        self._keep = keep
        self._due_s = 0.0

    def turn(self, now_s: float, now_ms: int) -> None:
        """Call `step` if it is due; raises `StorageError`."""
        if now_s < self._due_s:
            return
        removed = self.step(now_ms)
        self._due_s = now_s + (BUSY_S if removed else IDLE_S)

    def step(self, now_ms: int) -> int:
        """Remove at most `STEP_ROWS` rows of each table; returns the total."""
        with self._journal.write() as connection:
            found = self._excess(connection, now_ms)
            return sum(connection.execute(each).rowcount for each in found)

    def _excess(self, connection: Connection, now_ms: int) -> Iterator[Delete]:
        yield from self._incidents(connection, now_ms)
        yield from self._events(connection, now_ms)
        yield from self._captures(connection)

    def _incidents(self, connection: Connection, now_ms: int) -> Iterator[Delete]:
        """Remove the oldest ended incidents, each after its captures."""
        column, keep = incidents.c, self._keep
        count = connection.execute(select(func.count()).select_from(incidents)).scalar_one()
        query = select(column.id).where(column.state == "ended").order_by(column.started_at)
        excess = count - keep.incidents_max
        if excess <= 0:
            query = query.where(column.started_at < now_ms - keep.incident_days * DAY_MS)
        rows_max = min(STEP_ROWS, excess) if excess > 0 else STEP_ROWS
        ids = connection.execute(query.limit(rows_max)).scalars().all()
        if not ids:
            return
        of_them = select(captures.c.number).where(captures.c.incident_id.in_(ids)).limit(STEP_ROWS)
        yield delete(captures).where(captures.c.number.in_(of_them))
        with_captures = select(captures.c.incident_id).where(captures.c.incident_id.in_(ids))
        yield delete(incidents).where(column.id.in_(ids), column.id.not_in(with_captures))

    def _events(self, connection: Connection, now_ms: int) -> Iterator[Delete]:
        """Remove events. Sequence numbers have gaps only at the beginning, so they count rows."""
        column, keep = events.c, self._keep
        newest = connection.execute(select(func.max(column.sequence))).scalar() or 0
        oldest = select(column.sequence).order_by(column.sequence)
        too_old = (column.at < now_ms - keep.event_days * DAY_MS) | (
            column.sequence <= newest - keep.events_max
        )
        # Oldest first: the search ends at the first row that is not too old, as times follow
        # sequences.
        first = oldest.limit(STEP_ROWS).subquery()
        yield delete(events).where(column.sequence.in_(select(first)), too_old)
        known = newest - keep.deliveries_max
        yield delete(deliveries).where(
            deliveries.c.event_sequence.in_(
                select(deliveries.c.event_sequence)
                .where(deliveries.c.event_sequence <= known, deliveries.c.state != "pending")
                .order_by(deliveries.c.event_sequence)
                .limit(STEP_ROWS)
            ),
            deliveries.c.state != "pending",
        )

    def _captures(self, connection: Connection) -> Iterator[Delete]:
        """Remove captures. Their numbers have gaps, so at most that many rows are kept."""
        number = captures.c.number
        newest = connection.execute(select(func.max(number))).scalar() or 0
        oldest = select(number).where(number <= newest - self._keep.captures_max)
        yield delete(captures).where(number.in_(oldest.order_by(number).limit(STEP_ROWS)))
