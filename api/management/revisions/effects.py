"""The state of committed revisions: pending, in force or rejected.

The data plane rejects single changes, and keeps only the newest rejections. So the API stores them,
and deletes them when another data plane process starts, which loads everything again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Literal, Protocol, assert_never
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, select, true, update
from sqlalchemy.dialects.sqlite import insert

from api.common.contract.errors import NotFoundError
from api.common.disk import StorageError
from api.lists import kinds
from api.management.database.tables import entries, imports, policies, revisions, rules
from api.management.dataplane import Dataplane
from api.management.revisions.publisher import newest_revision
from api.management.rules.rows import NEWEST_IMPORT
from api.storage.sqlite import Database
from api.storage.tables import meta
from dataplane.base.clock import Clock
from dataplane.base.errors import DataplaneAwayError
from dataplane.base.networks import KEY_BITS
from dataplane.shared.stats import NodeStats, Rejected, RejectedEntry, RejectedRule, RejectedWhole
from dataplane.waf.document import rule_id

_REJECTED = select(revisions.c.rejected).where(revisions.c.number == bindparam("revision"))
_RULES_IMPORT = select(meta.c.value).where(meta.c.name == NEWEST_IMPORT)
State = Literal["pending", "in_force", "rejected"]
OF_RULES = "rules."
"""Prefix of the actions that change the WAF's rules."""
log = structlog.get_logger(__name__)
WAIT_S = 0.25
"""Time that a request waits for its change to be in force, before the answer is 202."""


class StateOf(Protocol):
    """See `Effects.states`."""

    def __call__(self, revision: int, rejected: str | None, *, of_rules: bool = False) -> State:
        """``of_rules``: the revision changed the WAF's rules."""
        ...


class Effects:
    """Tracks when revisions are in force."""

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

    def settle(self, revision: int, *, of_rules: bool = False) -> State:
        """Announce a revision and wait a moment for it; ``of_rules``: it changes the WAF's rules,
        which may have to be compiled."""
        self._dataplane.announce(revision)
        if not self._dataplane.wait_in_force(
            self._database_id(), revision, WAIT_S, of_rules=of_rules
        ):
            return "pending"
        self.reconcile()
        with self._database.read() as connection:
            rejected = connection.execute(_REJECTED, {"revision": revision}).scalar()
        return "rejected" if rejected is not None else "in_force"

    def states(self) -> StateOf:
        """A function from revision and rejection to state, for the present moment."""
        stats, database_id = self.reconcile(), self._database_id()

        @cache  # many rows have the same revision
        def is_in_force(revision: int, of_rules: bool) -> bool:
            return stats is not None and stats.in_force(database_id, revision, of_rules=of_rules)

        def state(revision: int, rejected: str | None, *, of_rules: bool = False) -> State:
            if rejected is not None:
                return "rejected"
            return "in_force" if is_in_force(revision, of_rules) else "pending"

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
        of_rules = row["action"].startswith(OF_RULES)
        return dict(row), state(number, row["rejected"], of_rules=of_rules)

    def reconcile(self) -> NodeStats | None:
        """Store rejections since the last call; returns the statistics, None: the data plane is
        away."""
        try:
            stats = self._dataplane.stats()
        except DataplaneAwayError:
            return None
        process = f"{self._clock.boot_id()}/{stats.pid}"
        if self._seen != (process, stats.rejected_count) and (
            stats.database_id == self._database_id()
        ):
            try:
                with self._database.write() as connection:
                    self._store(connection, process, self._new(process, stats))
                self._seen = (process, stats.rejected_count)
            except StorageError as exc:  # a request for a list must not fail because of this
                log.debug("rejections can't be stored yet", why=str(exc))
        return stats

    def import_pending(self) -> bool:
        """Whether a data plane is loading an import, or will do so soon.

        Meanwhile it does not look for new generations of the state log, so a ban in one would be in
        force seconds late.
        """
        stats = self.reconcile()
        if stats is None or "state_log" in stats.degraded:  # a new generation repairs that
            return False
        with self._database.read() as connection:
            newest = connection.execute(select(func.max(imports.c.revision))).scalar() or 0
            of_rules = connection.execute(_RULES_IMPORT).scalar()
        newest = max(newest, int(of_rules or 0))
        return newest > 0 and not stats.in_force(self._database_id(), newest)

    def _new(self, process: str, stats: NodeStats) -> tuple[Rejected, ...]:
        """Rejections that are not stored yet; finding their rows may need a read of all rows."""
        if self._seen is None or self._seen[0] != process:
            return stats.rejected
        return stats.rejected[-(stats.rejected_count - self._seen[1]) :]

    def _store(self, connection: Connection, process: str, rejected: tuple[Rejected, ...]) -> None:
        known = connection.execute(select(meta.c.value).where(meta.c.name == "dataplane")).scalar()
        if known != process:
            for table in (entries, revisions, rules):
                was = table.c.rejected.is_not(None)
                connection.execute(update(table).where(was).values(rejected=None))
            statement = insert(meta).values(name="dataplane", value=process)
            connection.execute(
                statement.on_conflict_do_update(index_elements=["name"], set_={"value": process})
            )
        for each in rejected:
            _mark(connection, each)


def _mark(connection: Connection, rejected: Rejected) -> None:
    """Mark the revision, and those of its entries that are not in force."""
    numbers = [rejected.revision]
    match rejected:
        case RejectedRule():
            reason = f"{rule_id(rejected.rule)}: {rejected.error}"
            numbers = _mark_rule(connection, rejected) or numbers
        case RejectedEntry():
            reason = f"{rejected.network}: {rejected.error}"
            numbers = _mark_entry(connection, rejected) or numbers
        case RejectedWhole(what="prefixes"):
            reason = f"the prefixes were rejected: {rejected.error}"
            _mark_entries(connection, rejected, entries.c.prefix_length < KEY_BITS)
        case RejectedWhole(what="import"):
            reason = f"the import was rejected: {rejected.error}"
            _mark_entries(connection, rejected, true())
        case RejectedWhole(what="policy"):
            reason = f"the policy was rejected: {rejected.error}"
            numbers = _policy_of(connection, rejected.revision) or numbers
        case RejectedWhole(what=what):
            reason = f"the {what} was rejected: {rejected.error}"
        case _:
            assert_never(rejected)
    found = revisions.c.number.in_(numbers)
    connection.execute(update(revisions).where(found).values(rejected=reason))


def _policy_of(connection: Connection, revision: int) -> list[int]:
    """The revision of the policy in a snapshot: that of its newest change."""
    newest = select(func.max(policies.c.revision)).where(policies.c.revision <= revision)
    number = connection.execute(newest).scalar()
    return [] if number is None else [number]


def _mark_rule(connection: Connection, rejected: RejectedRule) -> list[int]:
    """Mark the row of a rule; returns the revision that changed it, as `_mark_entry` does."""
    known = and_(rules.c.number == rejected.rule, rules.c.revision <= rejected.revision)
    connection.execute(update(rules).where(known).values(rejected=rejected.error))
    return list(connection.execute(select(rules.c.revision).where(known)).scalars())


def _mark_entry(connection: Connection, rejected: RejectedEntry) -> list[int]:
    """Mark the rows of a network; returns the revisions that changed them.

    A data plane that loads a snapshot reports the snapshot's revision, which may be a later one.
    """
    of_network = and_(
        entries.c.list == kinds.number[rejected.list],
        entries.c.key == rejected.network.key,
        entries.c.prefix_length == rejected.network.prefix_length,
    )
    of_import = select(imports.c.revision).where(imports.c.id == entries.c.import_id)
    put_by = func.coalesce(entries.c.revision, of_import.scalar_subquery())
    known = and_(of_network, put_by <= rejected.revision)
    connection.execute(update(entries).where(known).values(rejected=rejected.error))
    return list(connection.execute(select(put_by).where(known).distinct()).scalars())


def _mark_entries(
    connection: Connection, rejected: RejectedWhole, which: ColumnElement[bool]
) -> None:
    """Mark the entries of the revision; entries of an import have the import's number."""
    of_import = select(imports.c.id).where(imports.c.revision == rejected.revision)
    of_revision = (entries.c.revision == rejected.revision) | entries.c.import_id.in_(of_import)
    connection.execute(update(entries).where(which, of_revision).values(rejected=rejected.error))
    if rejected.what == "import":
        put = rules.c.revision == rejected.revision
        connection.execute(update(rules).where(put).values(rejected=rejected.error))
