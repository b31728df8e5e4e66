"""Long statements: may take minutes, where all others are limited to seconds."""

from __future__ import annotations

from sqlalchemy import Connection, text

_POSTGRESQL = text("SET LOCAL statement_timeout = '600s'")


def be_patient(connection: Connection) -> None:
    """Lift the time limit until the end of this transaction. SQLite's statements have none."""
    if connection.dialect.name == "postgresql":
        connection.execute(_POSTGRESQL)
