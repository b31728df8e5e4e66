"""The schema of a database, to compare a migrated one with the tables of its queries."""

from __future__ import annotations

import sqlite3


def shape(connection: sqlite3.Connection) -> dict[str, object]:
    """Columns and indices of every table, as SQLite sees them."""
    query = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'index')"
    shape: dict[str, object] = {}
    for name, kind in connection.execute(query).fetchall():
        if name.startswith("sqlite_"):
            continue
        pragma = "table_xinfo" if kind == "table" else "index_xinfo"
        shape[name] = connection.execute(f"PRAGMA {pragma}({name})").fetchall()
    return shape
