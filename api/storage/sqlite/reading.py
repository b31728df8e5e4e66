"""Reads a database that another process writes, or whose disk can't be written.

In the second case SQLite's shared-memory file is not used. SQLite opens a database in WAL mode with
such a file beside it, and truncates and extends the file at the first opening even for a reader
(www.sqlite.org/walformat.html, section 2). On a full disk that fails. An exclusive connection keeps
the index of the log on its heap instead (www.sqlite.org/wal.html, section 8); a database without a
log can be read directly.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool


def make_reader(path: Path, busy_ms: int) -> Engine:
    """An engine that only reads a database of another process; ``wait`` limits the wait for its
    lock.

    Each connection opens the file anew: the other process may have replaced it.
    """
    uri = path.absolute().as_uri() + "?mode=ro"

    def connect() -> sqlite3.Connection:
        opened = sqlite3.connect(
            uri, busy_ms / 1000, uri=True, isolation_level=None, check_same_thread=False
        )
        opened.execute("PRAGMA query_only=ON")
        return opened

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A read-only connection; no other may be open at the same time.

    Raises:
        sqlite3.OperationalError: the database can't be read either.
    """
    try:
        return _checked(path.absolute().as_uri(), "locking_mode=EXCLUSIVE")
    except sqlite3.OperationalError:
        if _has_log(path):
            raise
        return _checked(path.absolute().as_uri() + "?immutable=1")


def _checked(uri: str, *pragmas: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (*pragmas, "query_only=ON"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _has_log(path: Path) -> bool:
    log = path.with_name(path.name + "-wal")
    return log.exists() and log.stat().st_size > 0
