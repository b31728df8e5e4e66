"""The agent's access to ``events.db``: opens it when possible, then runs one transaction at a time.

Writers get a `StorageError` while the disk can't be written. An event counts as recorded only after
it is synced to the disk. A damaged database is put aside, and a new one is begun.
"""

from __future__ import annotations

import errno
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, func, insert, select, update

from api.agent.recording.journal.event import RULE_TRIGGERED, Event
from api.common.disk import DiskError, StorageError
from api.history import upgrade
from api.history.tables import deliveries, events, incidents
from api.storage.sqlite import Database
from api.storage.sqlite.damage import is_damaged, last_put_aside_ms, put_aside
from api.storage.statements.upsert import upsert
from api.storage.tables import meta
from api.storage.trouble import Storage
from api.webhooks.message import new_id
from dataplane.base.clock import Clock, SystemClock

PENDING_MAX = 10_000
"""Waiting deliveries of one receiver; beyond that, a new one is dead at once and can be sent again
by hand."""
PENDING_RULES_MAX = PENDING_MAX // 2
"""Limit for `rule_triggered`, so that hits of rules leave room for other events."""
QUEUE_FULL = f"more than {PENDING_MAX} deliveries waited for this receiver"
FORGOTTEN = "no longer among the endpoints of secbeat.toml"
DATA_CHARACTERS_MAX = 8192
"""Limit of an event's data as JSON."""

DAMAGE_TOLD_MS = 3_600_000
"""The node is degraded for so long after the database was found damaged."""
READERS_MAX = 3
"""Connections at a time; each has a page cache of its own."""

LAST_CHANGE = "incident_change"
"""Name in ``meta`` of the number of the last change of an incident."""

Row = dict[str, Any]

log = structlog.get_logger("agent.journal")


class Journal:
    """The database, which may not be open yet. Safe for several threads."""

    def __init__(
        self,
        path: Path,
        endpoints: Sequence[str] = (),
        kinds: Iterable[str] = (),
        clock: Clock | None = None,
    ) -> None:
        """Nothing is opened yet: see `turn`.

        Args:
            path: of ``events.db``; its directory is made.
            endpoints: URLs that get every event of these ``kinds``.
            kinds: of events that are delivered.
            clock: the kernel's, unless another is given.
        """
        self._path = path
        self._endpoints = tuple(endpoints)
        self._kinds = frozenset(kinds)
        self._clock = clock or SystemClock()
        self._readers = threading.BoundedSemaphore(READERS_MAX)
        self._database: Database | None = None
        self._changing = threading.Lock()
        self.begun_anew = 0
        """Number of new databases that have replaced a damaged one."""
        self._damaged_ms = last_put_aside_ms(path)
        self.listeners: list[Callable[[], None]] = []
        """Called after events were recorded."""
        self.incident_listeners: list[Callable[[], None]] = []
        """Called after the begin or end of an incident was recorded."""
        self.storage = Storage([path.parent], self._catch_up)

    @property
    def is_open(self) -> bool:
        """Whether the database can be read and written, as far as is known."""
        return self._database is not None and self.storage.trouble is None

    @property
    def was_damaged(self) -> bool:
        """Whether recorded data was lost recently."""
        age_ms = self._clock.utc_ms() - (self._damaged_ms or 0)
        return self._damaged_ms is not None and 0 <= age_ms < DAMAGE_TOLD_MS

    def turn(self) -> None:
        """Open the database if it is not open, and check its disk at intervals."""
        self.storage.turn()

    def close(self) -> None:
        """Close it; idempotent."""
        if self._database is not None:
            self._database.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction; raises `StorageError`."""
        with self._readers, self._using() as database, database.read() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction, durable when the block ends; raises `StorageError`."""
        with self._using() as database, database.write() as connection:
            yield connection

    def record(self, rows: Sequence[Row], made: Sequence[Event]) -> None:
        """Write incidents (rows of their table), events, and their deliveries; all or nothing.

        Raises `StorageError`.
        """
        if not rows and not made:
            return
        with self.write() as connection:
            change = _take_changes(connection, len(rows)) if rows else 0
            for number, row in enumerate(rows, change + 1):
                rest = {name: value for name, value in row.items() if name != "id"}
                upsert(connection, incidents, {"id": row["id"]}, {**rest, "change": number})
            room = self._room(connection) if made else {}
            for event in made:
                self._insert(connection, event, room)
        if made:
            self._tell()
        if made and rows:
            for listener in self.incident_listeners:
                listener()

    def _insert(self, connection: Connection, event: Event, room: dict[str, int]) -> None:
        row = {
            "id": new_id(),
            "kind": event.kind,
            "at": event.at_ms,
            "incident_id": event.incident_id,
            "data": _to_text(event),
        }
        key = connection.execute(insert(events).values(row)).inserted_primary_key
        if not key or event.kind not in self._kinds:
            return
        reserve = PENDING_MAX - PENDING_RULES_MAX if event.kind == RULE_TRIGGERED else 0
        for endpoint in self._endpoints:
            has_room = room[endpoint] > reserve
            room[endpoint] -= has_room
            connection.execute(
                insert(deliveries).values(
                    event_sequence=key[0],
                    endpoint=endpoint,
                    state="pending" if has_room else "dead",
                    incident_id=event.incident_id,
                    created_at=self._clock.utc_ms(),
                    attempts=0,
                    next_at=0,
                    last_error=None if has_room else QUEUE_FULL,
                )
            )

    def _room(self, connection: Connection) -> dict[str, int]:
        """Number of further deliveries that each endpoint may queue."""
        counts = (
            select(func.count())
            .select_from(deliveries)
            .where(deliveries.c.state == "pending")
            .where(deliveries.c.endpoint == each)
            for each in self._endpoints
        )
        found = [connection.execute(count).scalar_one() for count in counts]
        return {
            each: PENDING_MAX - waiting
            for each, waiting in zip(self._endpoints, found, strict=True)
        }

    def _catch_up(self) -> None:
        database = self._database
        try:
            if database is None:
                self._open()
            else:
                database.check_writable()
        except Exception as error:
            if not is_damaged(error):
                raise
            self._give_up(database, error)
            self._open()

    def _open(self) -> None:
        upgrade.migrate(self._path)
        database = Database(self._path)
        try:
            database.check_writable()
            with database.write() as connection:
                _forget_others(connection, self._endpoints)
        except BaseException:
            database.close()
            raise
        self._database = database
        self._tell()  # left by an earlier process

    def _give_up(self, database: Database | None, error: Exception) -> None:
        """Put the damaged file aside, once, whichever thread finds the damage."""
        with self._changing:
            if database is not self._database:
                return
            self.close()
            self._database = None
            self._damaged_ms = self._clock.utc_ms()
            self.begun_anew += 1
            target = put_aside(self._path, self._damaged_ms)
        log.error("the database is damaged: a new one is begun", why=str(error), aside=str(target))

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()

    @contextmanager
    def _using(self) -> Iterator[Database]:
        self.storage.check()
        database = self._database
        if database is None:
            raise DiskError(self._path.parent, errno.ENOENT)
        try:
            yield database
        except StorageError as error:
            self.storage.failed(error)
            raise
        except Exception as error:
            if not is_damaged(error):
                raise
            self._give_up(database, error)
            failed = DiskError(self._path.parent, errno.EUCLEAN)
            self.storage.failed(failed)
            raise failed from error


def _take_changes(connection: Connection, count: int) -> int:
    """Reserve so many change numbers; returns the number before the first."""
    query = select(meta.c.value).where(meta.c.name == LAST_CHANGE)
    last = int(connection.execute(query).scalar() or 0)
    upsert(connection, meta, {"name": LAST_CHANGE}, {"value": str(last + count)})
    return last


def _forget_others(connection: Connection, endpoints: Sequence[str]) -> None:
    """Mark deliveries for receivers that are no longer configured as dead."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.state == "pending", deliveries.c.endpoint.not_in(endpoints))
        .values(state="dead", last_error=FORGOTTEN)
    )


def _to_text(event: Event) -> str:
    text = json.dumps(event.data, separators=(",", ":"), ensure_ascii=False)
    if len(text) > DATA_CHARACTERS_MAX:
        raise ValueError(f"{event.kind}: {len(text)} characters of data, at most 8192")
    return text
