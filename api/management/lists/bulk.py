"""The common part of imports and bulk removals: one at a time, staged invisibly, one revision.

New rows are staged with the number of the bulk change (``import_id``); rows to be removed are
marked with it (``ended_by``). Both take effect when its revision is committed. The data plane gets
a file, which it loads beside its other work. Networks that other writes change meanwhile are left
out of the file, and published in their actual state when the revision is committed.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, delete, func, insert, select, union, update

from api.access.audit.service import Actor
from api.common.contract.errors import FieldError, TooManyRequestsError, UnavailableError
from api.common.disk import StorageError, written
from api.lists import kinds
from api.management.database.tables import entries, import_skips, imports
from api.management.lists import rows, writes
from api.management.lists.importing import program
from api.management.lists.importing.stage import Stage, Staging
from api.management.lists.progress import Kind, Progress
from api.management.revisions.publisher import Outcome, Publisher
from api.storage.sqlite import Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.statelog import Change, Import, ListName

TOUCHED_MAX = 5_000
"""Limit of the networks that other writes change meanwhile: they have to fit into one log line."""
SWEEP_CHUNK = 400
_RETRY_AFTER_S = 10
_NAMES = {"import": "import", "remove": "removal in bulk"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Publication:
    """The data for publishing a bulk change."""

    scratch: Path
    size_bytes: int
    """Amount of work, to decide whether it runs in a process of its own."""
    networks: int
    removes: bool
    action: str
    target: str
    """What was changed, for the audit trail."""
    result: Any
    """The result that is stored as the answer to a repeated request."""
    on_commit: Callable[[], None] = lambda: None


class Bulk:
    """Bulk changes of both lists, one at a time."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        clock: Clock,
        state_log: Path,
        scratch: Path,
    ) -> None:
        self.database = database
        self.clock = clock
        self._publisher = publisher
        self._state_log = state_log
        self._scratch = scratch
        self._lock = threading.Lock()
        self.progress: Progress | None = None
        """Number of the bulk change under way."""
        self._has_unfinished = False

    @property
    def busy(self) -> bool:
        """Whether a bulk change is under way."""
        return self._lock.locked()

    def clean_up(self) -> None:
        """At start: remove the traces of a bulk change that a crash has interrupted."""
        with written(self._scratch.parent):
            self._scratch.mkdir(parents=True, exist_ok=True)
            for path in self._scratch.iterdir():
                _remove(path)
        self._remove_unfinished()

    @contextmanager
    def alone(self, actor: Actor, kind: Kind, name: ListName) -> Iterator[tuple[Path, Progress]]:
        """The name of a scratch database; `TooManyRequestsError` while another bulk change is under
        way."""
        if not self._lock.acquire(blocking=False):
            raise _busy(self.progress)
        by, now_ms = actor.principal.name, self.clock.utc_ms()
        progress = self.progress = Progress(kind, name, by, actor.request_id, now_ms)
        try:
            if self._has_unfinished:
                self._remove_unfinished()
            self._sweep()
            with self.scratch() as path:
                yield path, progress
        finally:
            self.progress = None
            self._lock.release()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """The name of a scratch database, which is deleted at the end of the block."""
        with written(self._scratch):
            directory = tempfile.TemporaryDirectory(dir=self._scratch)
        with directory as name:
            yield Path(name) / "stage.db"

    def begin(self, actor: Actor, name: ListName, origin: str | None) -> Staging:
        """A number for the change, and the time from which its durations count."""
        number, utc_ms = kinds.number[name], self.clock.utc_ms()
        with self.database.write() as connection:
            newest = connection.execute(select(func.max(imports.c.id))).scalar() or 0
            values = {"id": newest + 1, "list": number, "created_ms": utc_ms}
            connection.execute(insert(imports).values(values))
        by = actor.principal.name
        return Staging(newest + 1, number, origin, by, self.clock.boot_ms(), utc_ms)

    @contextmanager
    def unless_finished(self, staging: Staging, stage: Stage) -> Iterator[None]:
        """Undo everything if the block ends without a revision."""
        try:
            yield
        finally:
            if self._is_unfinished(staging):
                self._take_back(staging, stage)

    def publish(self, actor: Actor, staging: Staging, stage: Stage, what: Publication) -> int:
        """Commit the staged rows as a revision; returns its number."""
        name, tally = kinds.LISTS[staging.list], stage.tally()  # reads all rows, without the lock
        job = program.FileJob(
            stage=str(what.scratch),
            state_log=str(self._state_log),
            list=name,
            hint=str(staging.import_id),
            boot_id=str(self.clock.boot_id()),
            boot_ms=staging.boot_ms,
            utc_ms=staging.utc_ms,
            removes=what.removes,
        )
        with self._publisher.import_file:
            file, crc32 = program.run(job, what.size_bytes)

            def apply(connection: Connection, revision: int) -> Outcome[Any]:
                if not (self._state_log / file).exists():  # a new generation has deleted it
                    raise UnavailableError("the state log was renewed meanwhile", retry_after_s=1)
                touched, changes = self._finish(connection, staging, stage, tally)
                finished = update(imports).where(imports.c.id == staging.import_id)
                connection.execute(finished.values(revision=revision))
                what.on_commit()
                skip = tuple((name, each) for each in touched)
                bulk = Import(file, what.networks, crc32, skip)
                return Outcome(what.result, [bulk, *changes], what.target)

            return self._publisher.commit(actor, f"{name}.{what.action}", apply)[1]

    def _remove_unfinished(self) -> None:
        """Remove the traces of unfinished bulk changes from the database."""
        with self.database.write() as connection:
            if connection.execute(select(imports.c.id).limit(1)).first() is None:
                self._has_unfinished = False
                return
            unfinished = select(imports.c.id).where(imports.c.revision.is_(None))
            for table in (entries, import_skips):
                connection.execute(delete(table).where(table.c.import_id.in_(unfinished)))
            marked = entries.c.ended_by.in_(unfinished)
            connection.execute(update(entries).where(marked).values(ended_by=None))
            connection.execute(delete(imports).where(imports.c.revision.is_(None)))
            used = union(
                select(entries.c.import_id).where(entries.c.import_id != 0),
                select(entries.c.ended_by).where(entries.c.ended_by.is_not(None)),
            )
            connection.execute(delete(imports).where(imports.c.id.not_in(used)))
        self._has_unfinished = False

    def _sweep(self) -> None:
        """Housekeeping does this, except between bulk changes that follow each other directly."""
        while True:
            with self.database.write(bulk=True) as connection:
                if writes.sweep(connection, SWEEP_CHUNK) < SWEEP_CHUNK:
                    return

    def _finish(
        self, connection: Connection, staging: Staging, stage: Stage, tally: writes.Tally
    ) -> tuple[list[Network], list[Change]]:
        """Count the staged rows; returns the networks that others changed, and their new state."""
        mine = import_skips.c.import_id == staging.import_id
        touched = [
            rows.network_of(row) for row in connection.execute(select(import_skips).where(mine))
        ]
        if len(touched) > TOUCHED_MAX:
            raise UnavailableError(
                f"other requests changed {len(touched)} of these networks meanwhile, more than "
                f"{TOUCHED_MAX}: nothing is changed",
                retry_after_s=_RETRY_AFTER_S,
            )
        changes: list[Change] = []
        for network in touched:
            tally.add(stage.tally(network), -1)
            changes += self._recount(connection, staging, network, tally)
        tally.write(connection, staging.list)
        connection.execute(delete(import_skips).where(mine))
        return touched, changes

    def _recount(
        self, connection: Connection, staging: Staging, network: Network, tally: writes.Tally
    ) -> list[Change]:
        """Count a network that others changed, and store its new end if that changes."""
        found, number = rows.held(connection, staging.list, network), staging.import_id
        before = [row for row in found if rows.is_counted(row)]
        after = [row for row in found if rows.is_counted(row, number)]
        tally.compare(network, before, after)
        if all(number not in (row.import_id, row.ended_by) for row in found):
            return []
        return [rows.change(kinds.LISTS[staging.list], network, after, self.clock)]

    def _take_back(self, staging: Staging, stage: Stage) -> None:
        """Undo the staging; on a full disk only the next bulk change or the next start
        can do so."""
        try:
            stage.remove(staging)
            self._forget(staging)
        except (StorageError, sqlite3.Error) as exc:
            self._has_unfinished = True
            log.warning("rows of a bulk change are left for the next one", why=str(exc))

    def _is_unfinished(self, staging: Staging) -> bool:
        with self.database.read() as connection:
            query = select(imports.c.revision).where(imports.c.id == staging.import_id)
            return connection.execute(query).scalar() is None

    def _forget(self, staging: Staging) -> None:
        with self.database.write() as connection:
            mine = import_skips.c.import_id == staging.import_id
            connection.execute(delete(import_skips).where(mine))
            connection.execute(delete(imports).where(imports.c.id == staging.import_id))


def _busy(now: Progress | None) -> TooManyRequestsError:
    what = f"the {_NAMES[now.kind]} of the {now.list} by the key {now.created_by!r}" if now else ""
    message = f"{what or 'another bulk change'} is under way; at most one at a time"
    limit = "one import or removal in bulk at a time"
    errors = [FieldError("key", now and now.created_by, limit, message)]
    return TooManyRequestsError(message, errors=errors, retry_after_s=_RETRY_AFTER_S)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
