"""Whether what is committed is in force: pending, in force or rejected.

Rejections are the data plane's word on single changes. They are stored, because it remembers only
the newest, and forgotten when another data plane process starts: that one has loaded everything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, bindparam, func, select, update
from sqlalchemy.dialects.sqlite import insert

from api.common.errors import NotFoundError
from api.management.database import Database
from api.management.database.tables import entries, imports, meta, revisions
from api.management.dataplane import Dataplane
from api.management.lists import rows
from api.management.revisions.publisher import newest_revision
from dataplane.clock import Clock
from dataplane.errors import DataplaneAwayError
from dataplane.networks import Network
from dataplane.stats import NodeStats, Rejected

_REJECTED = select(revisions.c.rejected).where(revisions.c.number == bindparam("revision"))
State = Literal["pending", "in_force", "rejected"]
WAIT_S = 0.25
"""How long an answer waits for effect before it is 202."""


class Effects:
    """Follows revisions to the packets."""

    def __init__(
        self,
        database: Database,
        dataplane: Dataplane,
        clock: Clock,
        database_id: Callable[[], UUID],
    ) -> None:
        self._database = database
        self._dataplane = dataplane
        self._clock = clock
        self._database_id = database_id
        self._seen: tuple[str, int] | None = None

    def settle(self, revision: int) -> State:
        """Announce a revision and wait a moment for it."""
        self._dataplane.announce(revision)
        if not self._dataplane.wait_in_force(self._database_id(), revision, WAIT_S):
            return "pending"
        self.reconcile()
        with self._database.read() as connection:
            rejected = connection.execute(_REJECTED, {"revision": revision}).scalar()
        return "rejected" if rejected is not None else "in_force"

    def states(self) -> Callable[[int, str | None], State]:
        """A function from revision and rejection to state, true at this moment."""
        stats, database_id = self.reconcile(), self._database_id()

        def state(revision: int, rejected: str | None) -> State:
            if rejected is not None:
                return "rejected"
            in_force = stats is not None and stats.in_force(database_id, revision)
            return "in_force" if in_force else "pending"

        return state

    def revision(self, number: int) -> tuple[dict[str, object], State]:
        """One revision and its state. Raises `NotFoundError`."""
        state = self.states()
        with self._database.read() as connection:
            query = select(revisions).where(revisions.c.number == number)
            row = connection.execute(query).mappings().first()
            newest = newest_revision(connection)
        if row is None:
            raise NotFoundError(f"there is no revision {number}; the newest is {newest}")
        return dict(row), state(number, row["rejected"])

    def reconcile(self) -> NodeStats | None:
        """Store what was rejected since the last look; returns the stats, None if it is away."""
        try:
            stats = self._dataplane.stats()
        except DataplaneAwayError:
            return None
        process = f"{self._clock.boot_id()}/{stats.pid}"
        if self._seen != (process, stats.rejected_count) and (
            stats.database_id == self._database_id()
        ):
            with self._database.write() as connection:
                self._store(connection, process, stats.rejected)
            self._seen = (process, stats.rejected_count)
        return stats

    def import_pending(self) -> bool:
        """Whether a data plane is loading an import, or about to.

        Until it is done it does not look at new generations of the state log, and would learn of
        a ban that is in one seconds late.
        """
        stats = self.reconcile()
        if stats is None or "state_log" in stats.degraded:  # a new generation is what mends that
            return False
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(imports.c.revision))).scalar()
        return newest is not None and not stats.in_force(self._database_id(), newest)

    def _store(self, connection: Connection, process: str, rejected: tuple[Rejected, ...]) -> None:
        known = connection.execute(select(meta.c.value).where(meta.c.name == "dataplane")).scalar()
        if known != process:
            for table in (entries, revisions):
                was = table.c.rejected.is_not(None)
                connection.execute(update(table).where(was).values(rejected=None))
            statement = insert(meta).values(name="dataplane", value=process)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"value": process})
            )
        for each in rejected:
            _mark(connection, each)


def _mark(connection: Connection, rejected: Rejected) -> None:
    network, lists = Network.parse(rejected.network), rows.LISTS.index(_list_name(rejected))
    of_import = select(imports.c.id).where(imports.c.revision == rejected.revision)
    connection.execute(
        update(entries)
        .where(
            entries.c.list == lists,
            entries.c.key == network.key,
            entries.c.prefix_length == network.prefix_length,
            (entries.c.revision == rejected.revision) | entries.c.import_id.in_(of_import),
        )
        .values(rejected=rejected.error)
    )
    connection.execute(
        update(revisions)
        .where(revisions.c.number == rejected.revision)
        .values(rejected=f"{rejected.network}: {rejected.error}")
    )


def _list_name(rejected: Rejected) -> Literal["blacklist", "allowlist"]:
    return "allowlist" if rejected.list == "allowlist" else "blacklist"
