"""The number that grows with every change of what a node is to enforce.

Nodes ask once a second what has changed. Each worker reads this number a few times a second and
looks at nothing else while it stays the same. Its row also orders those who make such changes: a
transaction that has taken a number holds it until the end.
"""

from __future__ import annotations

from sqlalchemy import Connection, Integer, cast, select, update
from sqlalchemy import Text as SqlText

from api.storage.tables import meta

_IS_CHANGE = meta.c.name == "change"
_NEXT = cast(cast(meta.c.value, Integer) + 1, SqlText)
_BUMP = update(meta).where(_IS_CHANGE).values(value=_NEXT).returning(meta.c.value)
_READ = select(meta.c.value).where(_IS_CHANGE)
_EPOCH = select(meta.c.value).where(meta.c.name == "database_id")


def bump(connection: Connection) -> int:
    """The next number, for the change that this write transaction makes."""
    return int(connection.execute(_BUMP).scalar_one())


def newest(connection: Connection) -> int:
    """The number of the newest change that is committed."""
    return int(connection.execute(_READ).scalar_one())


def epoch(connection: Connection) -> str:
    """Which database the numbers are of: a restored one gets another (a UUID)."""
    return str(connection.execute(_EPOCH).scalar_one())
