"""Selects rows exclusively: no other worker gets the same rows.

PostgreSQL uses row locks with SKIP LOCKED: a transaction gets the rows that no other transaction
has locked, until it ends. SQLite has no row locks and needs none: a write transaction excludes all
others. In both cases a claim ends with its transaction; longer work writes a lease into the row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select

from api.storage.database import AnyRow


def claim(connection: Connection, query: Select[Any]) -> list[AnyRow]:
    """The rows of a query on one table, locked for this write transaction.

    Give the query an order and a limit: the returned rows are locked.
    """
    return list(connection.execute(query.with_for_update(skip_locked=True)))
