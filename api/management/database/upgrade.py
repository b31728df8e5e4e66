"""Brings ``node.db`` to the newest schema; run as a program, with its path, by `migrate`."""

from __future__ import annotations

import sys
from pathlib import Path

from api.storage.migrations import Schema, is_current
from api.storage.sqlite import program
from api.storage.sqlite import upgrade as sqlite

HEAD = "0007"
"""The newest revision in ``migrations/versions``; a test compares."""
_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(database: Path) -> None:
    """Bring the schema up to date, in a process of its own.

    Raises `StorageError` if the storage is the cause, else `ConfigurationError`; a database of a
    newer release is not changed.
    """
    if not is_current(database, sqlite.current(database), HEAD):
        program.migrate("api.management.database.upgrade", database)


def upgrade(database: Path) -> None:
    """Migrate up to `HEAD`; see `api.storage.sqlite.upgrade`."""
    sqlite.upgrade(database, Schema(_MIGRATIONS, HEAD))


if __name__ == "__main__":
    sys.exit(program.main(upgrade))
