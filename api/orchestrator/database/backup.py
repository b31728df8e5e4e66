"""Copies the fleet's database, and restores a lost database from a copy.

After a restore, the numbers that nodes follow would be given a second time. Therefore a restored
database gets a new epoch, and every node fetches everything again.
"""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

from sqlalchemy import func, make_url, select

from api.orchestrator import changes
from api.orchestrator.database.tables import METADATA
from api.orchestrator.database.tables.nodes import nodes
from api.storage.copying import CopyError
from api.storage.opening import copying, kind, open_database, revision, sqlite_path
from dataplane.base.errors import SecBeatError

_VERSIONS = "alembic_version"


class InUseError(SecBeatError):
    """The database has a fleet in it, which a copy must not replace."""

    exit_code = 73


def dump(url: str, file: Path) -> None:
    """Copy the database to a file of mode 0600 while others write to it; replaces the file.

    Raises `CopyError`, `StorageError`.
    """
    copying(url).dump(sqlite_path(url) or url, file)


def restore(url: str, file: Path) -> None:
    """Restore the database from a copy; no orchestrator may run. For SQLite, replaces the file.

    Raises:
        InUseError: a PostgreSQL database that has nodes or a desired state.
        BusyError: an orchestrator has the SQLite file open.
        CopyError: the copy can't be read, is damaged, or is of another kind of database.
    """
    _require_copy(file, copying(url).MAGIC, f"{file} is no copy of a database in {kind(url)}")
    if sqlite_path(url) is None:
        _require_unused(url)
    tables = [table.name for metadata in METADATA for table in metadata.sorted_tables]
    copying(url).load(
        sqlite_path(url) or url,
        file,
        [*tables, _VERSIONS],
        f"UPDATE meta SET value = '{uuid4()}' WHERE name = 'database_id'",  # noqa: S608
    )


def _require_copy(file: Path, magic: bytes, problem: str) -> None:
    try:
        with file.open("rb") as stream:
            begins = stream.read(len(magic))
    except OSError as exc:
        raise CopyError(f"{file} can't be read: {exc.strerror}") from exc
    if begins != magic:
        raise CopyError(problem)


def _require_unused(url: str) -> None:
    """Accept a database with nothing but tables, as an orchestrator makes it at its first start."""
    if revision(url) is None:
        return
    opened = open_database(url)
    try:
        with opened.read() as connection:
            count = connection.execute(select(func.count()).select_from(nodes)).scalar_one()
            change = changes.newest(connection)
    finally:
        opened.close()
    if count or change:
        where = make_url(url).render_as_string(hide_password=True)
        raise InUseError(
            f"{where} has a fleet in it: {count} nodes, {change} changes. Only an empty or unused "
            "database is replaced by a copy; make an empty one (dropdb, createdb), or keep this one"
        )
