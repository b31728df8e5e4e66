"""Brings the fleet's database to the newest schema; a program that `migrate` runs."""

from __future__ import annotations

import sys
from pathlib import Path

from sqlalchemy import make_url

from api.storage.migrations import Schema
from api.storage.sqlite import program
from api.storage.sqlite import upgrade as sqlite
from dataplane.base.errors import ConfigurationError

HEAD = "0006"
"""The newest revision in ``migrations/versions``; a test compares."""
_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(url: str) -> None:
    """Bring the schema up to date, in a process of its own.

    Raises `StorageError` if that is what hinders, else `ConfigurationError`.
    """
    path = sqlite_path(url)
    if path is None:
        raise ConfigurationError(f"database {url!r}: only sqlite:///FILE can be used yet")
    if sqlite.current(path) != HEAD:
        program.migrate("api.orchestrator.database.upgrade", path)


def sqlite_path(url: str) -> Path | None:
    """The file of an SQLite database; None: it is another database."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        return None
    return Path(parsed.database)


def upgrade(database: Path) -> None:
    """Migrate up to `HEAD`; see `api.storage.sqlite.upgrade`."""
    sqlite.upgrade(database, Schema(_MIGRATIONS, HEAD))


if __name__ == "__main__":
    sys.exit(program.main(upgrade))
