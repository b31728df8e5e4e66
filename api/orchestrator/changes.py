"""The number that grows with every change of what a node is to enforce.

Nodes ask once a second what has changed. Each worker reads this number a few times a second and
looks at nothing else while it stays the same. Its row also orders those who make such changes: a
transaction that has taken a number holds it until the end.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from api.orchestrator.counters import count
from api.storage.tables import meta

_IS_CHANGE = meta.c.name == "change"
_READ = select(meta.c.value).where(_IS_CHANGE)
_EPOCH = select(meta.c.value).where(meta.c.name == "database_id")


def bump(connection: Connection) -> int:
    """The next number, for the change that this write transaction makes."""
    return count(connection, "change")


def newest(connection: Connection) -> int:
    """The number of the newest change that is committed."""
    return int(connection.execute(_READ).scalar_one())


def epoch(connection: Connection) -> str:
    """Which database the numbers are of: a restored one gets another (a UUID)."""
    return str(connection.execute(_EPOCH).scalar_one())
