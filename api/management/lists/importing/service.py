"""One import from its parsed rows to its revision; what fails on the way leaves nothing behind."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from api.common.errors import (
    ConflictError,
    FieldError,
    TooManyRequestsError,
    UnavailableError,
)
from api.management.audit.service import Actor
from api.management.database import Database
from api.management.database.tables import entries, import_skips, imports
from api.management.lists import rows
from api.management.lists.importing import program
from api.management.lists.importing.parse import Defaults
from api.management.lists.importing.stage import Stage, Staging
from api.management.lists.service import Lists, full
from api.management.revisions.publisher import Outcome, Publisher
from dataplane.clock import Clock
from dataplane.networks import Network
from dataplane.statelog import Import, ListName

SKIPPED_LISTED_MAX = 100
_RETRY_AFTER_S = 10


@dataclass(frozen=True)
class ImportRequest:
    """A body in a file, and how to take it."""

    list: ListName
    source: Path
    size_bytes: int
    media_type: str
    defaults: Defaults
    skip_conflicts: bool


@dataclass(frozen=True)
class ImportResult:
    """What an import did; no revision: there was nothing to add."""

    revision: int | None
    lines: int
    added: int
    skipped: int
    skipped_lines: tuple[tuple[int, Network, str], ...]


class Importer:
    """Imports into both lists, one at a time."""

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        lists: Lists,
        clock: Clock,
        state_log: Path,
        scratch: Path,
    ) -> None:
        self._database = database
        self._publisher = publisher
        self._lists = lists
        self._clock = clock
        self._state_log = state_log
        self._scratch = scratch
        self._lock = threading.Lock()

    @property
    def busy(self) -> bool:
        """Whether an import is under way."""
        return self._lock.locked()

    def clean_up(self) -> None:
        """At start: remove what a crash left of an import."""
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(parents=True)
        with self._database.write() as connection:
            if connection.execute(select(imports.c.id).limit(1)).first() is None:
                return
            unfinished = select(imports.c.id).where(imports.c.revision.is_(None))
            for table in (entries, import_skips):
                connection.execute(delete(table).where(table.c.import_id.in_(unfinished)))
            connection.execute(delete(imports).where(imports.c.revision.is_(None)))
            used = select(entries.c.import_id).where(entries.c.import_id.is_not(None)).distinct()
            connection.execute(delete(imports).where(imports.c.id.not_in(used)))

    def run(self, actor: Actor, request: ImportRequest) -> ImportResult:
        """Import a body whole or not at all.

        Raises `BadLineError`, `ConflictError` (a line conflicts, or there is no room) and
        `TooManyRequestsError` while another import is under way.
        """
        if not self._lock.acquire(blocking=False):
            raise TooManyRequestsError("another import is under way", retry_after_s=_RETRY_AFTER_S)
        try:
            with tempfile.TemporaryDirectory(dir=self._scratch) as directory:
                scratch = Path(directory) / "stage.db"
                lines = program.run(_parse_job(request, scratch), request.size_bytes)
                with self._database.attached(scratch) as connection:
                    stage = Stage(self._database, connection)
                    return self._import(actor, request, stage, scratch, lines)
        finally:
            self._lists.reserved = [0, 0, 0]
            self._lock.release()

    def _import(
        self, actor: Actor, request: ImportRequest, stage: Stage, scratch: Path, lines: int
    ) -> ImportResult:
        staging = self._begin(actor, request)
        try:
            stage.mark_conflicts(staging)
            if not request.skip_conflicts:
                self._refuse_conflicts(request, stage)
            self._reserve(stage.kinds())
            copied = stage.copy(staging)
            revision = None
            if sum(copied):
                revision = self._publish(actor, request, staging, copied, scratch)
        finally:
            if self._is_unfinished(staging):
                stage.remove(staging)
                self._forget(staging)
        skipped = self._explain(request, stage.first_skipped(SKIPPED_LISTED_MAX))
        added = sum(copied)
        return ImportResult(revision, lines, added, lines - added, tuple(skipped))

    def _begin(self, actor: Actor, request: ImportRequest) -> Staging:
        number, utc_ms = rows.number[request.list], self._clock.utc_ms()
        with self._database.write() as connection:
            newest = connection.execute(select(func.max(imports.c.id))).scalar() or 0
            values = {"id": newest + 1, "list": number, "created_ms": utc_ms}
            connection.execute(insert(imports).values(values))
        name = actor.principal.name
        return Staging(newest + 1, number, name, self._clock.boot_ms(), utc_ms)

    def _refuse_conflicts(self, request: ImportRequest, stage: Stage) -> None:
        for line, network, why in self._explain(request, stage.first_skipped(1)):
            message = f"line {line}: {network} {why}"
            what = FieldError(
                f"line {line}", str(network), "no conflict, or on_conflict=skip", message
            )
            raise ConflictError(message, errors=[what])

    def _explain(
        self, request: ImportRequest, skipped: list[tuple[int, Network, str]]
    ) -> Iterator[tuple[int, Network, str]]:
        """Name the allowlist's entry where that is the reason."""
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:
            for line, network, why in skipped:
                holders: Sequence[Network] = ()
                if request.list == "blacklist" and why.endswith("allowlist"):
                    holders = rows.holders(connection, rows.ALLOWLIST, network, boot_ms)
                named = f"is covered by {holders[-1]} on the allowlist" if holders else why
                yield line, network, named

    def _reserve(self, wanted: list[int]) -> None:
        """Take the places under the lock, so that no ban gets them meanwhile."""
        capacity, boot_ms = self._lists.capacity(), self._clock.boot_ms()
        with self._database.write() as connection:
            for kind, count in enumerate(wanted):
                limit = capacity.limit(kind)
                used = rows.used(connection, kind, boot_ms, limit - count)
                if used + count > limit:
                    raise full(kind, used, count, limit)
            self._lists.reserved = wanted

    def _publish(
        self,
        actor: Actor,
        request: ImportRequest,
        staging: Staging,
        copied: list[int],
        scratch: Path,
    ) -> int:
        job = program.FileJob(
            stage=str(scratch),
            state_log=str(self._state_log),
            list=request.list,
            hint=str(staging.import_id),
            boot_id=str(self._clock.boot_id()),
            boot_ms=staging.boot_ms,
            utc_ms=staging.utc_ms,
        )
        with self._publisher.import_file:
            file = program.run(job, request.size_bytes)

            def apply(connection: Connection, revision: int) -> Outcome[int]:
                if not (self._state_log / file).exists():  # a new generation has swept it away
                    raise UnavailableError("the state log was renewed meanwhile", retry_after_s=1)
                skip = _finish(connection, staging, copied, revision)
                self._lists.reserved = [0, 0, 0]  # the totals have them from here
                change = Import(file, sum(copied), tuple((request.list, each) for each in skip))
                return Outcome(sum(copied), [change], f"{sum(copied)} entries")

            return self._publisher.commit(actor, f"{request.list}.import", apply)[1]

    def _is_unfinished(self, staging: Staging) -> bool:
        with self._database.read() as connection:
            query = select(imports.c.revision).where(imports.c.id == staging.import_id)
            return connection.execute(query).scalar() is None

    def _forget(self, staging: Staging) -> None:
        with self._database.write() as connection:
            mine = import_skips.c.import_id == staging.import_id
            connection.execute(delete(import_skips).where(mine))
            connection.execute(delete(imports).where(imports.c.id == staging.import_id))


def _finish(
    connection: Connection, staging: Staging, copied: list[int], revision: int
) -> list[Network]:
    """Make the staged rows visible; returns those that other writes took over."""
    mine = import_skips.c.import_id == staging.import_id
    skip = [rows.network_of(row) for row in connection.execute(select(import_skips).where(mine))]
    connection.execute(
        update(imports).where(imports.c.id == staging.import_id).values(revision=revision)
    )
    taken = [sum(rows.kind(each) == kind for each in skip) for kind in range(len(copied))]
    for kind, count in enumerate(copied):
        rows.count(connection, staging.list, kind, count - taken[kind])
    connection.execute(delete(import_skips).where(mine))
    return skip


def _parse_job(request: ImportRequest, target: Path) -> program.ParseJob:
    arguments: dict[str, Any] = asdict(request.defaults)
    return program.ParseJob(
        str(request.source), request.media_type, target=str(target), **arguments
    )
