"""Incidents that the orchestrator has not acknowledged: those changed after a cursor.

Cursor and incidents are in ``events.db``, so a long absence of the orchestrator needs no room
beyond the retention.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, func, select

from api.agent.recording.journal.journal import Journal
from api.common.disk import StorageError
from api.history.tables import incidents
from api.storage.statements.upsert import upsert
from api.storage.tables import meta
from dataplane.base.clock import Clock

CURSOR = "fleet_cursor"
"""Name of the cursor in ``meta``."""
BATCH_MAX = 100
BATCH_CHARACTERS_MAX = 512 * 1024
"""Size limit of the incidents in one heartbeat, which has to fit into a request."""
OLD_MS = 86_400_000
"""A new node of a fleet does not send incidents that have not changed for so long."""

log = structlog.get_logger("agent.fleet")


class Spool:
    """Used by the reporting thread only."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._cursor: int | None = None
        self._begun_anew = journal.begun_anew
        self._limit = BATCH_MAX
        self._changes: dict[str, int] = {}
        """The incidents sent last, in order, with their change numbers."""
        self.has_more = False
        """Whether more incidents wait than were sent last."""

    def pending(self) -> Sequence[dict[str, Any]]:
        """The next unacknowledged incidents, oldest change first; none while they can't be read.

        Only the last change of an incident is sent.
        """
        if self._begun_anew != self._journal.begun_anew:  # change numbers begin anew too
            self._cursor, self._begun_anew = None, self._journal.begun_anew
        try:
            if self._cursor is None:
                self._cursor = self._begin()
            query = (
                select(incidents.c.id, incidents.c.change, incidents.c.document)
                .where(incidents.c.change > self._cursor)
                .order_by(incidents.c.change)
                .limit(self._limit + 1)
            )
            with self._journal.read() as connection:
                rows = connection.execute(query).all()
        except StorageError:
            rows = []
        found: list[dict[str, Any]] = []
        size = 0
        self._changes = {}
        for row in rows[: self._limit]:
            size += len(row.document)
            if found and size > BATCH_CHARACTERS_MAX:
                break
            found.append(json.loads(row.document))
            self._changes[row.id] = row.change
        self.has_more = len(rows) > len(found)
        return found

    def taken(self, acknowledged: Sequence[Any]) -> None:
        """Process the acknowledgement of the incidents sent last: ids, or objects with
        an ``id``."""
        known = {str(each["id"] if isinstance(each, Mapping) else each) for each in acknowledged}
        self._limit = BATCH_MAX
        cursor = self._cursor
        for incident, change in self._changes.items():
            if incident not in known:
                self.has_more = False  # sent again with the next regular heartbeat
                break
            cursor = change
        self._advance(cursor)

    def refused(self) -> None:
        """Process the refusal of a heartbeat: halve the number of incidents of the next one; a
        single refused incident is skipped."""
        if len(self._changes) == 1:
            ((incident, change),) = self._changes.items()
            log.warning("an incident is not wanted by the orchestrator", incident=incident)
            self._advance(change)
        self._limit = max(1, len(self._changes) // 2)

    def _advance(self, cursor: int | None) -> None:
        if cursor is None or cursor == self._cursor:
            return
        try:
            with self._journal.write() as connection:
                upsert(connection, meta, {"name": CURSOR}, {"value": str(cursor)})
        except StorageError:
            return  # they are sent again
        self._cursor = cursor

    def _begin(self) -> int:
        with self._journal.read() as connection:
            kept = connection.execute(select(meta.c.value).where(meta.c.name == CURSOR)).scalar()
            return int(kept) if kept is not None else self._newest_of_old(connection)

    def _newest_of_old(self, connection: Connection) -> int:
        since_ms = self._clock.utc_ms() - OLD_MS
        old = incidents.c.updated_at < since_ms
        return connection.execute(select(func.max(incidents.c.change)).where(old)).scalar() or 0
