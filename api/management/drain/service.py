"""Whether the node drains: a row of ``meta``, and a copy of it, as this process alone writes it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from sqlalchemy import delete, select

from api.access.audit import service as audit
from api.access.audit.service import Actor
from api.storage.database import Database
from api.storage.tables import meta
from api.storage.upsert import upsert
from dataplane.base.clock import Clock

_IS_DRAIN = meta.c.name == "drain"


@dataclass(frozen=True)
class Drain:
    """That it was asked for."""

    since_ms: int
    by: str
    """Name of the key."""


class Draining:
    """The node's state."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """As it was when the API last ran."""
        self._database = database
        self._clock = clock
        with database.read() as connection:
            found = connection.execute(select(meta.c.value).where(_IS_DRAIN)).scalar()
        self._now = None if found is None else Drain(**json.loads(found))

    def now(self) -> Drain | None:
        """None: the node works as usual. Asks no disk."""
        return self._now

    def begin(self, actor: Actor) -> Drain:
        """Drain from now on; who asks again changes nothing."""
        with self._database.write() as connection:
            if self._now is not None:
                return self._now
            found = Drain(self._clock.utc_ms(), actor.principal.name)
            upsert(connection, meta, {"name": "drain"}, {"value": json.dumps(asdict(found))})
            audit.record(connection, actor, "node.drain", "node", found.since_ms)
        self._now = found
        return found

    def end(self, actor: Actor) -> None:
        """Work as usual."""
        with self._database.write() as connection:
            if self._now is None:
                return
            connection.execute(delete(meta).where(_IS_DRAIN))
            audit.record(connection, actor, "node.resume", "node", self._clock.utc_ms())
        self._now = None
