"""What deployments do by themselves, once a second in each worker.

A turn looks at the deployments that go on, decides by what it has read, and moves each by at most
one step; whoever else has moved it since wins (`deployments.move`). So any number of workers may
take turns at once, and one that is killed leaves nothing behind but the row, which says where the
next turn begins.
"""

from __future__ import annotations

from api.access.audit import service as audit
from api.orchestrator import changes
from api.orchestrator.policies import deployments, versions
from api.orchestrator.policies.deciding import decide
from api.orchestrator.policies.sight import Sight
from api.storage.database import AnyRow, Database
from dataplane.base.clock import Clock


class Deploying:
    """The turns of one worker."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def turn(self) -> None:
        """Move each deployment that goes on."""
        for sight in self.sights():
            self.move(sight)

    def sights(self) -> list[Sight]:
        """What goes on and may have come further, as of now."""
        with self._database.read() as connection:
            now_ms = self._clock.utc_ms()
            rows = deployments.active(connection)
            return [Sight.read(connection, row, now_ms) for row in rows if not _waits(row, now_ms)]

    def move(self, sight: Sight) -> None:
        """The next step of a deployment, unless somebody else has made one since."""
        move, row = decide(sight), sight.row
        if move is None:
            return
        with self._database.write() as connection:
            if move.is_felt:
                changes.bump(connection)  # before the row, as whoever deploys does
            if not deployments.move(connection, row, move.values):
                return
            if move.values.get("state") == "done":
                deployments.retire(connection, row)
            if move.action:
                actor = audit.system("deployment")
                audit.record(connection, actor, move.action, str(row.id), sight.now_ms)

    def purge(self) -> None:
        """Forget old deployments and versions."""
        with self._database.write() as connection:
            deployments.purge(connection)
            versions.purge(connection)


def _waits(row: AnyRow, now_ms: int) -> bool:
    """Whether only a person can move it yet: then nobody need look at the nodes."""
    until_ms = row.confirm_until_ms
    return row.state == "confirming" and until_ms is not None and now_ms < until_ms
