"""Connections to a database in one SQLite file, which one process writes.

Writers take a lock of this process before SQLite's, so none of them gets SQLITE_BUSY.
"""

from __future__ import annotations

import errno
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from api.common.disk import StorageError, written
from api.storage.locks import WriteLock
from api.storage.sqlite.reading import connect_to_read

_ERRORS = (sqlite3.Error, DBAPIError)
"""Not all errors: a block may also write elsewhere."""
_BUSY_TIMEOUT_MS = 5000
_CACHE_KIB = 768
"""Cache of each connection; the kernel caches the hot pages."""


class Database:
    """See `api.storage.database`; write transactions need the lock of `api.storage.alone`.

    An error of the storage is raised as `StorageError`. If SQLite can't open the database for
    writing, on a full or read-only disk, it is opened for reading, until `check_writable` can open
    it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = str(path.parent)
        self.on_error: Callable[[StorageError], None] = lambda _error: None
        self.lock = WriteLock()
        self._only_read: StorageError | None = None
        self._alone = threading.Lock()
        try:
            self._open()
        except StorageError as exc:
            self._only_read = exc.anew()
            self._engine = _make_reading_engine(path)
            with self.read():
                pass

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one consistent state of the database."""
        with self._turn(), self._translated(), self._engine.connect() as connection:
            yield connection

    peek = read

    @contextmanager
    def write(self, *, bulk: bool = False, shared: bool = False) -> Iterator[Connection]:
        """A write transaction under the lock; durable when the block ends, rolled back if it
        raises."""
        del shared  # SQLite has one writer at a time
        with self.lock.hold(bulk=bulk), self.transaction() as connection:
            yield connection

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A write transaction for a caller that holds the lock."""
        self._require_writable()
        with (
            self._translated(),
            self._engine.connect().execution_options(secbeat_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    @contextmanager
    def attached(self, other: Path) -> Iterator[sqlite3.Connection]:
        """The driver's own connection with another database as ``stage``.

        For bulk work: one statement in C for thousands of rows, without the interpreter's lock.
        Hold the write lock around writes to this one. They are durable with the next transaction
        of `write`, not before: it syncs the write-ahead log that they are in.
        """
        self._require_writable()
        with written(self.path.parent, _ERRORS), self._engine.connect() as connection:
            raw = cast("sqlite3.Connection", connection.connection.driver_connection)
            raw.execute("ATTACH DATABASE ? AS stage", (str(other),))
            try:
                raw.execute("PRAGMA main.synchronous=NORMAL")
                raw.execute("PRAGMA stage.synchronous=OFF")
                raw.execute(f"PRAGMA stage.cache_size=-{_CACHE_KIB}")
                yield raw
            finally:
                raw.rollback()
                raw.execute("PRAGMA main.synchronous=FULL")
                raw.execute("DETACH DATABASE stage")

    def check_writable(self) -> None:
        """Raise `StorageError` unless a write transaction can be made durable."""
        if self._only_read is not None:
            with self._alone:
                self._open()
                self._only_read = None
        try:
            with self.write() as connection:
                connection.execute(text("UPDATE meta SET value = value WHERE name = 'database_id'"))
        except StorageError as exc:
            if exc.number == errno.EROFS:  # it stays read-only if it was opened on a read-only disk
                self._engine.dispose()
            raise

    def close(self) -> None:
        """Close all connections; the last one merges the write-ahead log."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with written(self.path.parent, _ERRORS):
                yield
        except StorageError as exc:
            self.on_error(exc)
            raise

    def _open(self) -> None:
        """Open it for writing, as far as the first read shows that this works."""
        engine = make_engine(self.path)
        try:
            with written(self.path.parent, _ERRORS), engine.connect() as connection:
                connection.execute(text("SELECT count(*) FROM sqlite_master"))
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine

    def _require_writable(self) -> None:
        only_read = self._only_read
        if only_read is not None:
            raise only_read.anew()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """A reader without shared memory has the database for itself."""
        if self._only_read is None:
            yield
        else:
            with self._alone:
                yield


def make_engine(path: Path) -> Engine:
    """An engine whose transactions begin when SQLAlchemy says so, not when the driver decides."""
    engine = create_engine(f"sqlite:///{path}", pool_size=4, max_overflow=12)
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _make_reading_engine(path: Path) -> Engine:
    engine = create_engine("sqlite://", creator=lambda: connect_to_read(path), poolclass=NullPool)
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
