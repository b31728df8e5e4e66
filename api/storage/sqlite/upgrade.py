"""Migrates a database in a file to the newest schema, after a backup of its former state."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from api.common.disk import DiskError, storage_error, written
from api.storage.migrations import Schema
from api.storage.sqlite.engine import make_engine
from api.storage.sqlite.reading import connect_to_read

BACKUPS_MAX = 5


def current(database: Path) -> str | None:
    """The schema's revision; None: there is no database, or it is empty."""
    if not database.exists():
        return None
    try:
        return _version(sqlite3.connect(database))
    except sqlite3.OperationalError as exc:
        if storage_error(exc, database.parent) is None:
            raise
    with written(database.parent):
        return _version(connect_to_read(database))


def upgrade(database: Path, schema: Schema) -> None:
    """Migrate one step at a time up to the head; an up-to-date database is not changed.

    First the database of the older release is backed up, unless it is being created.
    """
    with written(database.parent):
        _upgrade(database, schema)


def error(database: Path, number: int, why: str) -> DiskError:
    """The error of a migration."""
    del why  # the number tells the cause
    return DiskError(database.parent, number)


def back_up(database: Path, revision: str) -> Path:
    """A consistent copy beside it, ``<name>.before-<n>.<revision>``; keeps the newest ones."""
    number = max((_number(path) for path in _backups(database)), default=0) + 1
    target = database.with_name(f"{database.name}.before-{number:04}.{revision}")
    unfinished = target.with_name(target.name + ".tmp")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("VACUUM INTO ?", (str(unfinished),))
        unfinished.chmod(0o600)
        unfinished.replace(target)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
    for old in _backups(database)[:-BACKUPS_MAX]:
        old.unlink()
    return target


def _upgrade(database: Path, schema: Schema) -> None:
    begun_at = current(database)
    if begun_at is not None and begun_at != schema.head:
        back_up(database, begun_at)
    while current(database) != schema.head:
        engine = make_engine(database)
        try:
            schema.step(engine)
        finally:
            engine.dispose()


def _version(opened: sqlite3.Connection) -> str | None:
    with closing(opened) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode != sqlite3.SQLITE_ERROR:
                raise
            return None  # no such table
    return str(row[0]) if row else None


def _backups(database: Path) -> list[Path]:
    found = database.parent.glob(f"{database.name}.before-*")
    return sorted((path for path in found if path.suffix != ".tmp"), key=_number)


def _number(path: Path) -> int:
    digits = path.name.rpartition(".before-")[2].partition(".")[0]
    return int(digits) if digits.isdigit() else 0
