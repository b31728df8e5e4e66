"""The request to drain: each change is a revision. This process is the only writer and keeps a
copy."""

from __future__ import annotations

from sqlalchemy import Connection

from api.access.audit.service import Actor, Difference
from api.management.drain import rows
from api.management.drain.rows import Drain
from api.management.revisions.publisher import Outcome, Publisher
from api.storage.database import Database
from dataplane.base.clock import Clock
from dataplane.statelog import SetDrain


class Draining:
    """The drain state of the node."""

    def __init__(self, database: Database, publisher: Publisher, clock: Clock) -> None:
        """Loads the state of the last run."""
        self._database = database
        self._publisher = publisher
        self._clock = clock
        self._now = self._read()

    def now(self) -> Drain | None:
        """The request; None: the node works as usual. Does not read the disk."""
        return self._now

    def begin(self, actor: Actor) -> Drain:
        """Start to drain; a repeated request changes nothing. Raises the errors of a commit."""
        found = self._now
        if found is None:
            found = Drain(self._clock.utc_ms(), actor.principal.name)
            self._commit(actor, "node.drain", found)
        return found

    def end(self, actor: Actor) -> None:
        """End the drain. Raises the errors of a commit."""
        if self._now is not None:
            self._commit(actor, "node.resume", None)

    def _commit(self, actor: Actor, action: str, wanted: Drain | None) -> None:
        def apply(connection: Connection, _revision: int) -> Outcome[None]:
            rows.write(connection, wanted)
            on = wanted is not None
            told = Difference({"draining": not on}, {"draining": on})
            return Outcome(None, [SetDrain(on=on)], "node", told)

        try:
            self._publisher.commit(actor, action, apply)
        finally:  # a change that could not be published yet is committed in any case
            self._now = self._read()

    def _read(self) -> Drain | None:
        with self._database.read() as connection:
            return rows.read(connection)
