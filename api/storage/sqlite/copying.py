"""Copies a database to a file while others write to it, and restores it from a copy."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from api.storage.alone import take_lock
from api.storage.copying import CopyError, new_file

MAGIC = b"SQLite format 3\0"
"""The first bytes of a copy (www.sqlite.org/fileformat.html, section 1.3)."""


def dump(database: Path, file: Path) -> None:
    """Copy one consistent state to ``file``. Raises `CopyError`, `StorageError`."""
    if not database.exists():
        raise CopyError(f"{database} is not there: nothing to copy")
    with (
        new_file(file) as unfinished,
        _told(database),
        closing(sqlite3.connect(database)) as opened,
    ):
        opened.execute("VACUUM INTO ?", (str(unfinished),))


def load(database: Path, file: Path, tables: Collection[str], last: str) -> None:
    """Replace a database that no process has open by a copy; ``last`` is applied to the copy
    before.

    Raises:
        BusyError: a process writes the database.
        CopyError: the copy is damaged, or is another kind of file.
    """
    del tables  # the whole file is replaced
    lock = take_lock(database)
    try:
        with new_file(database) as unfinished, _told(file):
            shutil.copyfile(file, unfinished)
            with closing(sqlite3.connect(unfinished)) as connection:
                _require_whole(connection, file)
                connection.execute(last)
                connection.commit()
            replaced = database.resolve()  # SQLite too follows symbolic links
            for suffix in ("-wal", "-shm"):
                replaced.with_name(replaced.name + suffix).unlink(missing_ok=True)
    finally:
        os.close(lock)


def _require_whole(connection: sqlite3.Connection, file: Path) -> None:
    """SQLite itself reads a truncated last page as if it ended with zeros."""
    pages, page_size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")
    )
    found, wanted = file.stat().st_size, pages * page_size
    if found != wanted:
        raise CopyError(f"{file} is damaged: it has {found} bytes, not {wanted}")
    problem = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if problem != "ok":
        raise CopyError(f"{file} is damaged: {problem}")


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as exc:
        raise CopyError(f"{file} can't be copied: {exc}") from exc
