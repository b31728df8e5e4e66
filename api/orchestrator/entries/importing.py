"""Adds up to a million lines to a list of the fleet, as one change.

Lines are staged in small transactions, which block no other writer for long. Then one transaction
moves them to the list with statements that run completely in the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from api.access.audit import service as audit
from api.access.audit.service import Actor
from api.lists import kinds
from api.lists.lines import Defaults, Found, Lines, Row
from api.lists.schemas import OnConflict, OnError
from api.orchestrator import changes
from api.orchestrator.database.tables.entries import fleet_entries, fleet_entries_staged
from api.orchestrator.entries import rows
from api.orchestrator.entries.service import check_room
from api.orchestrator.entries.staged import Common, Skipped, Staged
from api.orchestrator.following.log import ITEMS_MAX, ChangeLog
from api.orchestrator.staging import Staging
from api.storage.database import Database
from api.storage.statements.patience import be_patient
from dataplane.base.clock import Clock
from dataplane.statelog import ListName

_entry = fleet_entries.c
_LINE = ("key", "prefix_length", "line", "reason", "duration_s")


@dataclass(frozen=True)
class Upload:
    """A body in a spool file, and the options for its lines."""

    source: Path
    media_type: str
    defaults: Defaults
    on_conflict: OnConflict
    on_error: OnError


@dataclass(frozen=True)
class ImportResult:
    """The result of an import; without a change there was nothing to add."""

    change: int | None
    found: Found
    added: int
    replaced: int
    skipped_lines: tuple[Skipped, ...]


class Importer:
    """Imports into both lists."""

    def __init__(self, database: Database, clock: Clock, log: ChangeLog) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._staging = Staging(database, clock, fleet_entries_staged)

    def run(self, actor: Actor, name: ListName, upload: Upload) -> ImportResult:
        """Import a body. Raises `BadLinesError`, `BadLineError`, `ConflictError`."""
        with upload.source.open("rb") as file:
            lines = Lines(file, upload.media_type, upload.defaults)
            with self._staging.staged(_values(lines)) as (import_id, _):
                if upload.on_error == "fail":
                    lines.refuse()
                lines_left = Staged(import_id, refuses=upload.on_conflict == "fail")
                lines_left.leave_out_repeats(self._database)
                return self._commit(actor, name, upload.on_conflict, lines_left, lines.found)

    def _commit(
        self, actor: Actor, name: ListName, on_conflict: OnConflict, staged: Staged, found: Found
    ) -> ImportResult:
        number, replaces = kinds.number[name], on_conflict == "replace"
        with self._database.write() as connection:
            be_patient(connection)
            now_ms = self._clock.utc_ms()
            replaced = staged.leave_out_conflicts(connection, number, now_ms, replaces=replaces)
            added = found.networks - staged.skipped - replaced
            result = ImportResult(None, found, added, replaced, staged.first_skipped)
            if not added and not replaced:
                return result
            change = changes.bump(connection)
            common = Common(actor.principal.name, change, now_ms)
            staged.put(connection, number, common, replaces=replaces)
            check_room(connection, added, now_ms)
            self._log.note(connection, change, _items(connection, number, change))
            target = f"{added + replaced} entries"
            audit.record(connection, actor, f"{name}.import", target, now_ms, change)
            actor.on_commit(connection, result, change)
        return replace(result, change=change)


def _values(lines: Iterable[Row]) -> Iterator[dict[str, Any]]:
    """Rows of the staging table; ``part`` counts the networks of one line."""
    line = part = 0
    for row in lines:
        part = part + 1 if row.line == line else 0
        line = row.line
        yield {"part": part, **{name: getattr(row, name) for name in _LINE}}


def _items(connection: Connection, number: int, change: int) -> list[bytes] | None:
    """The items for the log of changes; None: there are too many."""
    query = select(_entry.key, _entry.prefix_length).where(
        _entry.list == number, _entry.change == change
    )
    found = connection.execute(query.limit(ITEMS_MAX + 1)).all()
    if len(found) > ITEMS_MAX:
        return None
    return [rows.item_of((number, row.key, row.prefix_length)) for row in found]
