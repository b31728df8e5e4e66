"""Connections to PostgreSQL: writers take turns, readers see one state, every wait is bounded.

A transaction that reads first and writes then needs exclusion of other writers. SQLite has this for
every write transaction; here an advisory lock of the database provides it (pg_advisory_xact_lock),
across all workers of all orchestrators. A transaction that locks and changes single rows does not
need it (`shared`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DisconnectionError

from api.common.disk import StorageError
from api.storage.postgresql.errors import translated

WRITERS = 0x5EC_BEA7
"""The advisory lock of writers; the next number is that of migrations."""
CONNECT_S = 3
REST_S = 1.0
"""A connection that was used less than this ago is not tested: a test would double the cost of a
read."""
_LOCK_MS, _STATEMENT_MS, _IDLE_MS = 10_000, 30_000, 30_000
"""The server ends the session of a worker that stalls with a lock, after the last of
these times."""
_ALIVE_S = 15
"""TCP detects a vanished host after this time."""
_TURN = text(f"SELECT pg_advisory_xact_lock({WRITERS})")
_TOUCH = text("UPDATE meta SET value = value WHERE name = 'database_id'")


class Database:
    """See `api.storage.database`. An error of the database is raised as `DatabaseError`."""

    def __init__(self, url: str, connections_max: int = 12) -> None:
        """Opens no connection yet."""
        parsed = make_url(url)
        self.place = place(parsed)
        self.on_error: Callable[[StorageError], None] = lambda _error: None
        self._engine = make_engine(parsed, connections_max)
        self._reading = self._engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        self._peeking = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one consistent state of the database."""
        with self._translated(), self._reading.connect() as connection:
            yield connection

    @contextmanager
    def peek(self) -> Iterator[Connection]:
        """A connection for one statement that reads: without BEGIN and ROLLBACK, which each cost a
        round trip."""
        with self._translated(), self._peeking.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, bulk: bool = False, shared: bool = False) -> Iterator[Connection]:
        """A write transaction, durable when the block ends, nothing if it raises."""
        del bulk  # PostgreSQL grants locks in the order of the requests
        with self._translated(), self._engine.begin() as connection:
            if not shared:
                connection.execute(_TURN)
            yield connection

    def check_writable(self) -> None:
        """Raise `StorageError` unless a write transaction can be made durable."""
        with self.write(shared=True) as connection:
            connection.execute(_TOUCH)

    def close(self) -> None:
        """Close all connections; idempotent."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated(self.place):
                yield
        except StorageError as exc:
            self.on_error(exc)
            raise


def make_engine(url: URL, connections_max: int) -> Engine:
    """An engine that tests connections after idle time, and limits every wait.

    When a connection breaks, all older ones are closed: one request fails, and none after it.
    """
    engine = create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=connections_max,
        max_overflow=0,
        pool_timeout=_LOCK_MS / 1000,
        isolation_level="READ COMMITTED",
        connect_args=_arguments(),
    )
    event.listen(engine, "checkin", _rest)
    event.listen(engine, "checkout", _try_after_rest)
    return engine


def place(url: URL) -> str:
    """The name of a database in messages: its URL without password and options."""
    host = url.host or next(iter(url.normalized_query.get("host", ())), "")
    return f"postgresql://{host}/{url.database or ''}"


def _rest(_connection: Any, record: Any) -> None:
    record.info["rested_s"] = time.monotonic()


def _try_after_rest(connection: Any, record: Any, _proxy: Any) -> None:
    if time.monotonic() - record.info.get("rested_s", time.monotonic()) < REST_S:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as exc:
        raise DisconnectionError from exc


def _arguments() -> dict[str, Any]:
    limits = {
        "lock_timeout": _LOCK_MS,
        "statement_timeout": _STATEMENT_MS,
        "idle_in_transaction_session_timeout": _IDLE_MS,
    }
    return {
        "connect_timeout": CONNECT_S,
        "application_name": "secbeat-orchestrator",
        "client_encoding": "utf8",
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
        "keepalives_idle": _ALIVE_S,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": _ALIVE_S * 1000,
    }
