"""Connections to ``node.db`` and the one lock that orders its writers.

Writers take the lock before SQLite's, so none of them ever meets SQLITE_BUSY, and bulk work steps
back for a request that waits: a ban waits for one chunk of an import, never for the import.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, Row, create_engine, event, text

AnyRow = Row[*tuple[Any, ...]]
"""A row of any query."""
_BUSY_TIMEOUT_MS = 5000
_CACHE_KIB = 768
"""Per connection; the pages that matter stay in the kernel's cache."""


class WriteLock:
    """Exclusive; a bulk writer gets it only when no other writer is waiting."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held = False
        self._waiting = 0

    @contextmanager
    def hold(self, *, bulk: bool = False) -> Iterator[None]:
        """Hold it for the block; not re-entrant."""
        with self._condition:
            if bulk:
                self._condition.wait_for(lambda: not self._held and not self._waiting)
            else:
                self._waiting += 1
                try:
                    self._condition.wait_for(lambda: not self._held)
                finally:
                    self._waiting -= 1
            self._held = True
        try:
            yield
        finally:
            with self._condition:
                self._held = False
                self._condition.notify_all()


class Database:
    """``node.db``: read transactions for anybody, write transactions for who holds the lock."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lock = WriteLock()
        self._engine = make_engine(path)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one consistent state of the database."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, bulk: bool = False) -> Iterator[Connection]:
        """A write transaction under the lock; durable when the block ends, nothing if it raises."""
        with self.lock.hold(bulk=bulk), self.transaction() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A write transaction for a caller that holds the lock."""
        with (
            self._engine.connect().execution_options(secbeat_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def attached(self, other: Path) -> Iterator[sqlite3.Connection]:
        """The driver's own connection with another database as ``stage``.

        For bulk work: one statement in C for thousands of rows, without the interpreter's lock.
        Hold the write lock around writes to ``node.db``.
        """
        with self._engine.connect() as connection:
            raw = cast("sqlite3.Connection", connection.connection.driver_connection)
            raw.execute("ATTACH DATABASE ? AS stage", (str(other),))
            try:
                raw.execute("PRAGMA stage.synchronous=OFF")
                raw.execute(f"PRAGMA stage.cache_size=-{_CACHE_KIB}")
                yield raw
            finally:
                raw.rollback()
                raw.execute("DETACH DATABASE stage")

    def check_writable(self) -> None:
        """Raise unless a write transaction can be begun."""
        with self.write() as connection:
            connection.execute(text("UPDATE meta SET value = value WHERE name = 'database_id'"))

    def close(self) -> None:
        """Close all connections; the write-ahead log is folded in by the last."""
        self._engine.dispose()


def make_engine(path: Path) -> Engine:
    """An engine whose transactions begin when SQLAlchemy says so, not when the driver guesses."""
    engine = create_engine(f"sqlite:///{path}", pool_size=4, max_overflow=12)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout={_BUSY_TIMEOUT_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"cache_size=-{_CACHE_KIB}",
        "journal_size_limit=67108864",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("secbeat_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
