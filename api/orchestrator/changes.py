"""The fleet's change number, which grows with every change of the desired state of a node.

Nodes ask once a second for changes. Each worker reads this number a few times a second, and reads
more only when it has grown. The row of the number also serialises such changes: a transaction that
takes a number holds the row until its end.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from api.orchestrator.counters import count
from api.storage.tables import meta

_IS_CHANGE = meta.c.name == "change"
_READ = select(meta.c.value).where(_IS_CHANGE)
_EPOCH = select(meta.c.value).where(meta.c.name == "database_id")


def bump(connection: Connection) -> int:
    """Take the next number, for the change of this write transaction."""
    return count(connection, "change")


def newest(connection: Connection) -> int:
    """The number of the newest committed change."""
    return int(connection.execute(_READ).scalar_one())


def epoch(connection: Connection) -> str:
    """The database that the numbers belong to (a UUID); a restored database gets a new one."""
    return str(connection.execute(_EPOCH).scalar_one())
