"""Inserts a row, or updates the existing one.

SQLite and PostgreSQL have the same clause (ON CONFLICT DO UPDATE); SQLAlchemy has a class for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from sqlalchemy import Connection, Table

_DIALECTS = ("sqlite", "postgresql")


def upsert(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """``key`` is the table's primary key or other unique columns; ``values`` has all
    other columns."""
    name = connection.dialect.name
    if name not in _DIALECTS:
        raise NotImplementedError(f"upsert: {name} is none of {', '.join(_DIALECTS)}")
    dialect = import_module(f"sqlalchemy.dialects.{name}")  # the engine has loaded it already
    statement = dialect.insert(table).values(**key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=list(key), set_=values))
