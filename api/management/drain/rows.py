"""The request to drain: a row of ``meta``."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select

from api.storage.statements.upsert import upsert
from api.storage.tables import meta

_NAME = "drain"
_IS_DRAIN = meta.c.name == _NAME


@dataclass(frozen=True)
class Drain:
    """A request to drain."""

    since_ms: int
    by: str
    """Name of the key that requested it."""


def read(connection: Connection) -> Drain | None:
    """The request; None: the node works as usual."""
    found = connection.execute(select(meta.c.value).where(_IS_DRAIN)).scalar()
    return None if found is None else Drain(**json.loads(found))


def write(connection: Connection, wanted: Drain | None) -> None:
    """Store the request; None: the node is to work as usual."""
    if wanted is None:
        connection.execute(delete(meta).where(_IS_DRAIN))
    else:
        upsert(connection, meta, {"name": _NAME}, {"value": json.dumps(asdict(wanted))})
