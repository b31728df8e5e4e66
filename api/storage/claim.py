"""Takes rows that no other worker has taken.

On PostgreSQL by row locks with SKIP LOCKED: a transaction gets what no other transaction has, and
has it until it ends. SQLite has no row locks and needs none: whoever is in a write transaction is
alone, so nobody else can have taken a row. Either way a claim is no longer than its transaction;
work that takes longer writes a lease into the row.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select

from api.storage.database import AnyRow


def claim(connection: Connection, query: Select[Any]) -> list[AnyRow]:
    """The rows of a query, of one table, that this write transaction has for itself now.

    Give the query an order and a limit: what it names and gets is locked.
    """
    return list(connection.execute(query.with_for_update(skip_locked=True)))
