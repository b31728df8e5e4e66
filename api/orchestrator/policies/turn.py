"""The automatic steps of deployments, once a second in each worker.

A turn reads the unfinished deployments, decides, and moves each by at most one step; of concurrent
moves one succeeds (`deployments.move`). So any number of workers may run turns at once. A killed
worker leaves nothing but the row, from which the next turn continues.
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
        """Unfinished deployments that may have progressed, as of now."""
        with self._database.read() as connection:
            now_ms = self._clock.utc_ms()
            rows = deployments.active(connection)
            return [Sight.read(connection, row, now_ms) for row in rows if not _waits(row, now_ms)]

    def move(self, sight: Sight) -> None:
        """The next step of a deployment, unless it was moved by another worker."""
        move, row = decide(sight), sight.row
        if move is None:
            return
        with self._database.write() as connection:
            if move.is_felt:
                changes.bump(connection)  # before the row, in the same order as `deploy`
            if not deployments.move(connection, row, move.values):
                return
            if move.values.get("state") == "done":
                deployments.retire(connection, row)
            if move.action:
                actor = audit.system("deployment")
                deployments.record(connection, actor, move.action, row, sight.now_ms)

    def purge(self) -> None:
        """Delete old deployments and versions."""
        with self._database.write() as connection:
            deployments.purge(connection)
            versions.purge(connection)


def _waits(row: AnyRow, now_ms: int) -> bool:
    """Whether only an operator can move it: then the nodes need not be read."""
    until_ms = row.confirm_until_ms
    return row.state == "confirming" and until_ms is not None and now_ms < until_ms
