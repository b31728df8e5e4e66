"""Monotonic counters in ``meta``; a transaction that takes a number holds the row until its end.

So the numbers have the order in which transactions are committed, across all orchestrators.
"""

from __future__ import annotations

from sqlalchemy import Connection, Integer, bindparam, cast, update
from sqlalchemy import Text as SqlText

from api.storage.tables import meta

_NEXT = cast(cast(meta.c.value, Integer) + 1, SqlText)
_COUNT = update(meta).where(meta.c.name == bindparam("counter")).values(value=_NEXT)
_TAKE = _COUNT.returning(meta.c.value)


def count(connection: Connection, name: str) -> int:
    """Take the next number, in a write transaction."""
    return int(connection.execute(_TAKE, {"counter": name}).scalar_one())
