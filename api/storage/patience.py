"""Statements that may take minutes, where all others are bounded by seconds."""

from __future__ import annotations

from sqlalchemy import Connection, text

_POSTGRESQL = text("SET LOCAL statement_timeout = '600s'")


def be_patient(connection: Connection) -> None:
    """To the end of this transaction. SQLite's statements have no such bound."""
    if connection.dialect.name == "postgresql":
        connection.execute(_POSTGRESQL)
