"""One import, from its parsed rows to its revision; a failed import leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from api.access.audit.service import Actor
from api.lists import kinds
from api.lists.answers import lines_conflict
from api.lists.lines import Defaults, Found
from api.lists.schemas import OnConflict, OnError
from api.management.lists import rows
from api.management.lists.bulk import Bulk, Publication
from api.management.lists.importing import program
from api.management.lists.importing.stage import ImportStage
from api.management.lists.service import Lists, Room
from dataplane.base.networks import Network
from dataplane.statelog import ListName

SKIPPED_LISTED_MAX = 100


@dataclass(frozen=True)
class ImportRequest:
    """A body in a file, and the options of the import."""

    list: ListName
    source: Path
    size_bytes: int
    media_type: str
    defaults: Defaults
    origin: str
    on_conflict: OnConflict
    on_error: OnError = "fail"


@dataclass(frozen=True)
class ImportResult:
    """The result of an import; without a revision there was nothing to add."""

    revision: int | None
    found: Found
    added: int
    replaced: int
    skipped_lines: tuple[tuple[int, Network, str], ...] = ()

    @property
    def skipped(self) -> int:
        """Networks of the body that were left out."""
        return self.found.networks - self.added - self.replaced


class Importer:
    """Imports into both lists."""

    def __init__(self, bulk: Bulk, lists: Lists) -> None:
        self._bulk = bulk
        self._lists = lists

    def run(self, actor: Actor, request: ImportRequest) -> ImportResult:
        """Import a body in one revision.

        Raises `BadLinesError`, `ConflictError` (a line conflicts, or there is no room),
        `TooManyRequestsError` while another bulk change is under way, and `StorageError`.
        """
        with self._bulk.alone(actor, "import", request.list) as (scratch, progress):
            try:
                job = _parse_job(request, scratch)
                progress.check(request.size_bytes, Path(job.progress))
                found = Found(**program.run(job, request.size_bytes))
                database, replaces = self._bulk.database, request.on_conflict == "replace"
                with database.attached(scratch) as connection:
                    stage = ImportStage(database, connection, request.origin, replaces)
                    stage.progress = progress
                    return self._import(actor, request, stage, scratch, found)
            finally:
                self._lists.reserved = Room()

    def _import(
        self, actor: Actor, request: ImportRequest, stage: ImportStage, scratch: Path, found: Found
    ) -> ImportResult:
        staging = self._bulk.begin(actor, request.list, request.origin)
        result = ImportResult(None, found, 0, 0)
        with self._bulk.unless_finished(staging, stage):
            stage.mark_conflicts(staging)
            if request.on_conflict == "fail":
                self._refuse_conflicts(request, stage)
            self._lists.reserve(Room(*stage.wanted(staging)))
            stage.copy(staging)
            copied, replaced = stage.copied()
            result = replace(result, added=copied - replaced, replaced=replaced)
            if copied:
                what = self._publication(request, scratch, copied, result)
                revision = self._bulk.publish(actor, staging, stage, what)
                result = replace(result, revision=revision)
        skipped = self._explain(request, stage.first_skipped(SKIPPED_LISTED_MAX))
        return replace(result, skipped_lines=tuple(skipped))

    def _publication(
        self, request: ImportRequest, scratch: Path, copied: int, result: ImportResult
    ) -> Publication:
        def on_commit() -> None:
            self._lists.reserved = Room()  # from here on the totals include them

        count = f"{copied} entries"
        return Publication(
            scratch=scratch,
            size_bytes=request.size_bytes,
            networks=copied,
            removes=False,
            action="import",
            target=count if request.origin == "manual" else f"{count} of {request.origin}",
            result=result,
            on_commit=on_commit,
        )

    def _refuse_conflicts(self, request: ImportRequest, stage: ImportStage) -> None:
        first = stage.first_skipped(SKIPPED_LISTED_MAX)
        if found := [(n, str(what), why) for n, what, why in self._explain(request, first)]:
            raise lines_conflict(found)

    def _explain(
        self, request: ImportRequest, skipped: list[tuple[int, Network, str]]
    ) -> Iterator[tuple[int, Network, str]]:
        """Name the entry of the allowlist if that is the reason."""
        boot_ms = self._bulk.clock.boot_ms()
        with self._bulk.database.read() as connection:
            for line, network, why in skipped:
                holders: Sequence[Network] = ()
                if request.list == "blacklist" and why.endswith("allowlist"):
                    holders = rows.holders(connection, kinds.ALLOWLIST, network, boot_ms)
                named = f"is covered by {holders[-1]} on the allowlist" if holders else why
                yield line, network, named


def _parse_job(request: ImportRequest, target: Path) -> program.ParseJob:
    arguments: dict[str, Any] = asdict(request.defaults)
    skips = request.on_error == "skip"
    return program.ParseJob(
        str(request.source),
        request.media_type,
        skips=skips,
        target=str(target),
        progress=str(target.with_name("progress")),
        **arguments,
    )
