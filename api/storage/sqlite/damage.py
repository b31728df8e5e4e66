"""Damaged database files: detection, as distinct from a disk that can't be written, and removal."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

KEPT_MAX = 2
"""Damaged files that are kept for analysis; older ones are removed."""
_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
"""Primary result codes (www.sqlite.org/rescode.html)."""
_ASIDE = ".corrupt-"
_STAMP = "%Y%m%dT%H%M%SZ"


def is_damaged(error: BaseException) -> bool:
    """Whether SQLite, or SQLAlchemy on its behalf, reports that the file is not a sound
    database."""
    for each in (error, getattr(error, "orig", None), error.__cause__):
        code = getattr(each, "sqlite_errorcode", None)
        if isinstance(each, sqlite3.Error) and code is not None and code & 0xFF in _CODES:
            return True
    return False


def put_aside(database: Path, at_ms: int) -> Path:
    """Rename it, with its write-ahead log, to ``<name>.corrupt-<time>``; returns the new path.

    Args:
        database: not open, except for readers that will reopen it.
        at_ms: now, UTC; in the name as ``20261130T101500Z``.
    """
    stamp = datetime.fromtimestamp(at_ms / 1000, UTC).strftime(_STAMP)
    target = database.with_name(f"{database.name}{_ASIDE}{stamp}")
    for suffix in ("-wal", "-shm", ""):  # a log without its database is harmless
        path = database.with_name(database.name + suffix)
        if path.exists():
            path.replace(target.with_name(target.name + suffix))
    for old in _put_aside(database)[:-KEPT_MAX]:
        for suffix in ("-wal", "-shm", ""):
            old.with_name(old.name + suffix).unlink(missing_ok=True)
    return target


def last_put_aside_ms(database: Path) -> int | None:
    """Time in UTC of the newest damaged file; None: there is none."""
    for path in reversed(_put_aside(database)):
        with contextlib.suppress(ValueError):  # a file of another origin
            stamp = path.name.rpartition(_ASIDE)[2].removesuffix("Z")
            return int(datetime.fromisoformat(f"{stamp}+00:00").timestamp() * 1000)
    return None


def _put_aside(database: Path) -> list[Path]:
    """Damaged files, the oldest first."""
    found = database.parent.glob(f"{database.name}{_ASIDE}*Z")
    return sorted(found)
