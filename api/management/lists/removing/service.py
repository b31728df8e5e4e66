"""One bulk removal: removes all matching entries in one revision, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from api.access.audit.service import Actor
from api.lists import kinds
from api.management.lists.bulk import Bulk, Publication
from api.management.lists.removing.filters import Filter
from api.management.lists.removing.stage import RemovalStage
from dataplane.statelog import ListName

_ROW_BYTES = 64
"""Work per row, about that of an import's line, to decide whether it runs in a separate process."""


@dataclass(frozen=True)
class RemovalResult:
    """The number of removed entries by origin; no revision: nothing was removed, or a dry run."""

    revision: int | None
    removed: Mapping[str, int]
    kept_of_fleet: int = 0
    """The number of matching entries of the fleet, which are kept."""


class Remover:
    """Bulk removals from both lists."""

    def __init__(self, bulk: Bulk) -> None:
        self._bulk = bulk

    def count(self, name: ListName, wanted: Filter) -> RemovalResult:
        """The number of entries that `run` would remove now."""
        database, number = self._bulk.database, kinds.number[name]
        with self._bulk.scratch() as scratch, database.attached(scratch) as connection:
            stage = RemovalStage(database, connection, wanted, number)
            boot_ms = self._bulk.clock.boot_ms()
            return RemovalResult(None, stage.count(boot_ms), stage.spared(boot_ms))

    def run(self, actor: Actor, name: ListName, wanted: Filter) -> RemovalResult:
        """Remove the matching entries; `TooManyRequestsError` while another bulk change is under
        way."""
        database, number = self._bulk.database, kinds.number[name]
        with (
            self._bulk.alone(actor, "remove", name) as (scratch, progress),
            database.attached(scratch) as connection,
        ):
            stage = RemovalStage(database, connection, wanted, number)
            stage.progress = progress
            return self._remove(actor, name, wanted, stage, scratch)

    def _remove(
        self, actor: Actor, name: ListName, wanted: Filter, stage: RemovalStage, scratch: Path
    ) -> RemovalResult:
        staging = self._bulk.begin(actor, name, None)
        with self._bulk.unless_finished(staging, stage):
            stage.select(staging)
            stage.copy(staging)
            removed = stage.removed()
            result = RemovalResult(None, removed, stage.spared(staging.boot_ms))
            if not removed:
                return result
            count = sum(removed.values())
            what = Publication(
                scratch=scratch,
                size_bytes=count * _ROW_BYTES,
                networks=stage.networks(),
                removes=True,
                action="remove_many",
                target=f"{count} entries: {wanted}",
                result=result,
            )
            revision = self._bulk.publish(actor, staging, stage, what)
        return replace(result, revision=revision)
