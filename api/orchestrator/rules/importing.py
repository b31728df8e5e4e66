"""Adds up to 50,000 rules to the fleet's, all or none, as one change.

The orchestrator compiles no pattern: a node that refuses one of the rules reports it, as for a
single rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from api.access.audit import service as audit
from api.access.audit.service import Actor
from api.orchestrator import changes
from api.orchestrator.database.tables.rules import fleet_rules, fleet_rules_staged
from api.orchestrator.following.log import ITEMS_MAX, ChangeLog
from api.orchestrator.rules import rows
from api.orchestrator.rules.room import check_room
from api.orchestrator.staging import Staging
from api.rules.lines import read_lines
from api.storage.database import Database
from dataplane.base.clock import Clock


@dataclass(frozen=True)
class Imported:
    """The result of an import; without a change there was nothing to add."""

    change: int | None
    added: int


class Importer:
    """Imports of rules."""

    def __init__(self, database: Database, clock: Clock, log: ChangeLog) -> None:
        self._database = database
        self._clock = clock
        self._log = log
        self._staging = Staging(database, clock, fleet_rules_staged)

    def run(self, actor: Actor, source: Path) -> Imported:
        """Import a body, NDJSON.

        Raises `InvalidInputError`, `UnprocessableError`: a line is not a valid rule;
        `ConflictError`: there is no room.
        """
        lines = _staged_rows(source, self._clock.utc_ms())
        with self._staging.staged(lines) as (import_id, count):
            return self._commit(actor, import_id, count) if count else Imported(None, 0)

    def _commit(self, actor: Actor, import_id: str, count: int) -> Imported:
        with self._database.write() as connection:
            change, now_ms = changes.bump(connection), self._clock.utc_ms()
            rows.purge(connection, now_ms)
            check_room(connection, *rows.staged(connection, import_id), now_ms)
            rows.add_staged(connection, import_id, actor.principal.name, change, now_ms)
            self._log.note(connection, change, _items(connection, change))
            audit.record(connection, actor, "rules.import", f"{count} rules", now_ms, change)
            found = Imported(change, count)
            actor.on_commit(connection, found, change)
        return found


def _staged_rows(source: Path, now_ms: int) -> Iterator[dict[str, Any]]:
    for line in read_lines(source, now_ms):
        yield {"line": line.number, **rows.values_of(line.wanted)}


def _items(connection: Connection, change: int) -> list[bytes] | None:
    """The items for the log of changes; None: there are too many."""
    query = select(fleet_rules.c.number).where(fleet_rules.c.change == change)
    found = list(connection.execute(query.limit(ITEMS_MAX + 1)).scalars())
    return None if len(found) > ITEMS_MAX else [rows.item_of(number) for number in found]
