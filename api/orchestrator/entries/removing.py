"""Removes entries from a list of the fleet by network, reason or creator, all or none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, func, select, tuple_

from api.access.audit import service as audit
from api.access.audit.service import Actor
from api.lists import kinds
from api.orchestrator import changes
from api.orchestrator.database.tables.entries import fleet_entries
from api.orchestrator.entries import rows
from api.orchestrator.following.log import ITEMS_MAX, ChangeLog
from api.storage.database import Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.statelog import ListName

_AT_ONCE = 500
_entry = fleet_entries.c
_PLACE = (_entry.list, _entry.key, _entry.prefix_length)


@dataclass(frozen=True)
class Filter:
    """Conditions joined by "and"; at least one is given."""

    networks: tuple[Network, ...] | None = None
    reason: str | None = None
    created_by: str | None = None

    def __str__(self) -> str:
        """The filter as text for the audit trail."""
        named = {"reason": self.reason, "created_by": self.created_by}
        found = [
            f"{name}={json.dumps(value, ensure_ascii=False)}"
            for name, value in named.items()
            if value is not None
        ]
        count = [] if self.networks is None else [f"networks={len(self.networks)}"]
        return " ".join(found + count)


class Remover:
    """Bulk removals from both lists."""

    def __init__(self, database: Database, clock: Clock, log: ChangeLog) -> None:
        self._database = database
        self._clock = clock
        self._log = log

    def count(self, name: ListName, wanted: Filter) -> int:
        """The number of entries that `run` would remove now."""
        with self._database.read() as connection:
            return sum(
                int(connection.execute(select(func.count()).where(which)).scalar_one())
                for which in self._conditions(kinds.number[name], wanted)
            )

    def run(self, actor: Actor, name: ListName, wanted: Filter) -> tuple[int | None, int]:
        """Remove the entries that meet the filter; returns the change, if any, and their number.

        A removal counts as confirmed: nodes that get a snapshot because of it need no confirmation.
        """
        with self._database.write() as connection:
            items, count = list[bytes](), 0
            for which in self._conditions(kinds.number[name], wanted):
                room = ITEMS_MAX + 1 - len(items)
                met = connection.execute(select(*_PLACE).where(which).limit(room))
                items += [rows.item_of((row.list, row.key, row.prefix_length)) for row in met]
                count += connection.execute(delete(fleet_entries).where(which)).rowcount
            if not count:
                return None, 0
            change, now_ms = changes.bump(connection), self._clock.utc_ms()
            self._log.note(connection, change, items)
            self._log.confirm(connection, change)
            target = f"{count} entries: {wanted}"
            audit.record(connection, actor, f"{name}.remove_many", target, now_ms, change)
            actor.on_commit(connection, count, change)
        return change, count

    def _conditions(self, number: int, wanted: Filter) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions, some networks at a time, as a statement has room for only so many."""
        common = and_(_entry.list == number, rows.visible(self._clock.utc_ms()))
        if wanted.reason is not None:
            common = and_(common, _entry.reason == wanted.reason)
        if wanted.created_by is not None:
            common = and_(common, _entry.created_by == wanted.created_by)
        if wanted.networks is None:
            yield common
            return
        places = [rows.place_of(number, network) for network in wanted.networks]
        for start in range(0, len(places), _AT_ONCE):
            yield and_(common, tuple_(*_PLACE).in_(places[start : start + _AT_ONCE]))
