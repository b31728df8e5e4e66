"""Commits changes as revisions and writes them to the state log, in order, exactly once.

One commit holds the change, its revision, its outbox row and its audit row. Then the line is
written to the log; the next change deletes the outbox row. Both happen under the database's write
lock, so the log has the order of the revisions. Rows that a crash or a full disk leaves in the
outbox are published before the next commit. A damaged log is abandoned: the database has all of its
content, and a new generation is written from it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from api.access.audit import service as audit
from api.access.audit.service import UNTOLD, Actor, Difference
from api.common.contract.errors import UnavailableError
from api.common.disk import storage_error, written
from api.management.database.tables import outbox, policies, revisions
from api.management.revisions.back_off import BackOff
from api.management.revisions.state import (
    state_drain,
    state_entries,
    state_overlays,
    state_policy,
    state_rules,
)
from api.storage.sqlite import Database
from api.storage.tables import meta
from dataplane.base.clock import Clock
from dataplane.statelog import Change, SetPolicy, State, StateLogError, StateLogWriter
from dataplane.statelog.format import decode_revision, encode_revision

T = TypeVar("T")
_REWRITE_MS, _REWRITE_MS_MAX = 1_000, 60_000
_CUT = "it ends before the last revision that was published"
_ERRORS = (StateLogError, OSError)
log = structlog.get_logger(__name__)

# Built once: SQLAlchemy takes longer to build a statement than SQLite takes to run it.
_NEWEST = select(func.max(revisions.c.number))
_INSERT_REVISION = insert(revisions)
_INSERT_OUTBOX = insert(outbox)
_CLEAR_OUTBOX = delete(outbox).where(outbox.c.revision <= bindparam("through"))


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """The effect of a change: its result, and the changes for the data plane."""

    result: T
    changes: Sequence[Change]
    target: str
    difference: Difference = UNTOLD
    """The difference that the audit trail records."""


class Publisher:
    """Performs all changes. One per process; call `start` before use."""

    def __init__(self, database: Database, writer: StateLogWriter, clock: Clock) -> None:
        self._database = database
        self._writer = writer
        self._clock = clock
        self._ready = False
        self._published = 0
        self._in_force = 0
        self._rewrites = BackOff(_REWRITE_MS, _REWRITE_MS_MAX)
        self.began_ms = -1
        """Time on the boot clock when a generation was begun because there was no sound one."""
        self._database_id = _database_id(database)
        self.import_file = threading.Lock()
        """Held while the file of an import has no revision yet: a new generation would delete the
        file."""

    @property
    def database_id(self) -> UUID:
        """Identity of the state that the revisions belong to."""
        return self._database_id

    def start(self, in_force: int = 0) -> None:
        """Publish what a crash has left; a log that can't be written is tried again later.

        `in_force` is the newest revision of this database that a running data plane has applied. If
        the database does not have this revision, database and log were restored from a backup.
        """
        self._in_force = in_force
        with self._database.lock.hold():
            try:
                self._recover()
            except _ERRORS as exc:
                self._unavailable(exc)

    def commit(
        self, actor: Actor, action: str, apply: Callable[[Connection, int], Outcome[T]]
    ) -> tuple[T, int]:
        """Apply a change as the next revision; returns its result and number.

        On return it is durable in database and log. Raises what ``apply`` raises, with nothing
        changed, or `UnavailableError` when the log can't be written (`StorageError`: because of the
        disk); what is committed by then is published later.
        """
        with self._database.lock.hold():
            self._require_log()
            with self._database.transaction() as connection:
                revision = newest_revision(connection) + 1
                outcome = apply(connection, revision)
                self._record(connection, actor, action, revision, outcome)
                actor.on_commit(connection, outcome.result, revision)
            try:
                self._writer.append(revision, outcome.changes)
            except _ERRORS as exc:
                raise self._unavailable(exc) from exc
            self._published = revision
            return outcome.result, revision

    def retry(self) -> None:
        """In the background: publish what is left, and delete published rows."""
        with self._database.lock.hold(bulk=True):
            if not self._is_sound():
                self._require_log()
            elif self._published:
                self._clear_outbox(self._published)

    def renew(self, why: str) -> bool:
        """Replace the log by a new generation; changes go on meanwhile.

        ``why`` is the reason to log if this process finds no fault. False: not possible while an
        import is staged. Raises what `commit` does, or `StateLogError` or OSError.
        """
        if not self.import_file.acquire(blocking=False):
            return False
        try:
            fault = self._writer.inspect(self._database_id) or why
            log.warning("the state log is renewed", why=fault)
            self._rewrite()
            self.began_ms = self._clock.boot_ms()
        finally:
            self.import_file.release()
        with self._database.lock.hold(bulk=True):
            self._report(fault)
        return True

    def compact(self) -> None:
        """Start a new generation when reading the log takes too long; changes go on meanwhile."""
        if not self._ready or not self._writer.should_compact():
            return
        if not self.import_file.acquire(blocking=False):
            return
        try:
            self._rewrite()
        finally:
            self.import_file.release()

    def close(self) -> None:
        """Close the log; idempotent."""
        with self._database.lock.hold():
            self._ready = False
            self._writer.close()

    def seed_policy(self, actor: Actor, document: dict[str, object]) -> None:
        """Make a document the policy of a database that has never had a revision."""

        def apply(connection: Connection, revision: int) -> Outcome[None]:
            connection.execute(insert(policies).values(revision=revision, document=document))
            return Outcome(None, [SetPolicy(document)], str(document.get("name", "")))

        self.commit(actor, "policy.seed", apply)

    def _record(
        self, connection: Connection, actor: Actor, action: str, revision: int, made: Outcome[T]
    ) -> None:
        now_ms = self._clock.utc_ms()
        row = {"number": revision, "action": action, "created_ms": now_ms}
        connection.execute(_INSERT_REVISION, {**row, "created_by": actor.principal.name})
        line = encode_revision(revision, made.changes).decode()
        if self._published:  # deleted with the next change: a commit of its own would cost more
            connection.execute(_CLEAR_OUTBOX, {"through": self._published})
        connection.execute(_INSERT_OUTBOX, {"revision": revision, "line": line})
        told = made.difference
        audit.record(connection, actor, action, made.target, now_ms, revision, difference=told)

    def _is_sound(self) -> bool:
        """Whether the log is unchanged: a log that was cut or restored is not appended to."""
        return self._ready and self._writer.is_intact()

    def _require_log(self) -> None:
        if self._is_sound():
            return
        try:
            self._recover()
        except _ERRORS as exc:
            raise self._unavailable(exc) from exc

    def _unavailable(self, error: Exception) -> UnavailableError:
        self._ready = False
        found = storage_error(error, self._writer.directory)
        if found is not None:  # logged once, by the check for its end
            return found
        log.error("the state log can't be written", error=str(error))
        return UnavailableError(
            "the state log can't be written, so the change is not acknowledged", retry_after_s=5
        )

    def _recover(self) -> None:
        """Synchronise log and outbox, whatever has happened to either."""
        last = self._writer.open(self._database_id)
        fault = self._writer.fault
        with self._database.read() as connection:
            newest = newest_revision(connection)
            unpublished = connection.execute(select(func.min(outbox.c.revision))).scalar()
        if max(last or 0, self._in_force) > newest:
            # Log or data plane have newer revisions than the database: it was restored from a
            # backup. A new identity makes sure that no revision counts as applied already.
            self._replace_database_id()
            last, self._in_force = None, 0
        expected = newest if unpublished is None else unpublished - 1
        if last is not None and last < expected:
            last, fault = None, _CUT
        if last is None:
            self._clear_outbox(newest)
            self._begin_generation()
        else:
            self._clear_outbox(last)
            self._drain()
        self._ready = True
        if fault:
            self._report(fault)
        if self._writer.should_compact():
            self._snapshot()

    def _rewrite(self) -> None:
        """Write a new generation while changes go on: they wait only at its beginning
        and its end."""
        with written(self._writer.directory, _ERRORS), self._database.read() as connection:
            with self._database.lock.hold(bulk=True):
                self._require_log()
                revision = newest_revision(connection)
                self._writer.begin_compaction()
            self._writer.compact(
                self._database_id,
                revision,
                State(
                    state_entries(connection, self._clock),
                    state_policy(connection),
                    state_rules(connection, self._clock),
                    state_overlays(connection, self._clock),
                    state_drain(connection),
                ),
                self._database.lock.hold(),
            )

    def _begin_generation(self) -> None:
        """Write a snapshot, with back-off on a disk that does not keep it."""
        now_ms = self._clock.boot_ms()
        if left_ms := self._rewrites.left_ms(now_ms):
            raise StateLogError(
                f"the disk did not keep a new generation; the next attempt is in {left_ms} ms"
            )
        try:
            self._snapshot()
        except StateLogError as exc:
            if not isinstance(exc.__cause__, OSError):  # written, but read back differently
                self._rewrites.tried(now_ms)
            raise
        self._rewrites.reset()
        self.began_ms = now_ms

    def _report(self, fault: str) -> None:
        """Report the reason for the new generation, in log and audit trail."""
        log.warning("the state log was not sound: a new generation is in its place", why=fault)
        actor = audit.system("state_log")
        with self._database.transaction() as connection:
            audit.record(connection, actor, "state_log.renew", fault, self._clock.utc_ms())

    def _drain(self) -> None:
        with self._database.read() as connection:
            rows = list(connection.execute(select(outbox).order_by(outbox.c.revision)))
        for row in rows:
            self._writer.append(row.revision, decode_revision(row.line.encode()).changes)
        if rows:
            self._clear_outbox(rows[-1].revision)

    def _clear_outbox(self, through: int) -> None:
        with self._database.transaction() as connection:
            connection.execute(_CLEAR_OUTBOX, {"through": through})
        self._published = 0

    def _snapshot(self) -> None:
        with self._database.read() as connection:
            self._writer.snapshot(
                self._database_id,
                newest_revision(connection),
                state_entries(connection, self._clock),
                state_policy(connection),
                state_rules(connection, self._clock),
                overlays=state_overlays(connection, self._clock),
                drain=state_drain(connection),
            )

    def _replace_database_id(self) -> None:
        self._database_id = uuid4()
        log.warning("the database is older than what is in force", new_id=str(self._database_id))
        with self._database.transaction() as connection:
            named = meta.c.name == "database_id"
            connection.execute(update(meta).where(named).values(value=str(self._database_id)))


def newest_revision(connection: Connection) -> int:
    """Number of the newest revision; 0: there is none."""
    return connection.execute(_NEWEST).scalar() or 0


def _database_id(database: Database) -> UUID:
    with database.read() as connection:
        query = select(meta.c.value).where(meta.c.name == "database_id")
        return UUID(connection.execute(query).scalar_one())
