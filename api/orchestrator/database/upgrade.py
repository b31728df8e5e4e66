"""Migrates the fleet's database to the newest schema; a program that `migrate` runs."""

from __future__ import annotations

import sys
from pathlib import Path

from api.storage import opening
from api.storage.migrations import Schema

HEAD = "0012"
"""The newest revision in ``migrations/versions``; a test compares."""
SCHEMA = Schema(Path(__file__).parent / "migrations", HEAD)


def migrate(url: str) -> None:
    """Bring the schema up to date, in a process of its own.

    Raises `StorageError` if the storage is the cause, else `ConfigurationError`.
    """
    opening.migrate("api.orchestrator.database.upgrade", url, HEAD)


if __name__ == "__main__":
    sys.exit(opening.main(SCHEMA))
