"""The staged lines of an import: finds those that can't be put on the list, and adds the others.

Every statement processes all lines at once; only lines that the answer names are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    tuple_,
)

from api.lists.answers import lines_conflict
from api.lists.kinds import ALLOWLIST, BLACKLIST, last_address
from api.orchestrator.database.tables.entries import fleet_entries, fleet_entries_staged
from api.orchestrator.entries import rows
from api.storage.database import AnyRow, Database
from api.storage.statements.patience import be_patient
from dataplane.base.networks import KEY_BITS, MAPPED_PREFIX, Network

SKIPPED_LISTED_MAX = 100
_ALLOWED_AT_ONCE = 1_000
_staged, _entry = fleet_entries_staged.c, fleet_entries.c

_SAME = and_(_entry.key == _staged.key, _entry.prefix_length == _staged.prefix_length)

Skipped = tuple[int, str, str]
"""Line, network and reason."""


@dataclass(frozen=True)
class Common:
    """The values that all entries of an import share."""

    created_by: str
    change: int
    now_ms: int


class Staged:
    """The lines of one import. No other thread or process uses them."""

    def __init__(self, import_id: str, *, refuses: bool) -> None:
        self._refuses = refuses
        self._import_id = import_id
        self._mine = _staged.import_id == import_id
        self._skipped: list[Skipped] = []
        self.skipped = 0

    @property
    def first_skipped(self) -> tuple[Skipped, ...]:
        """The first hundred lines that are left out."""
        return tuple(sorted(self._skipped)[:SKIPPED_LISTED_MAX])

    def leave_out_repeats(self, database: Database) -> None:
        """Leave out repetitions of earlier lines; does not use the lists, and blocks nobody.

        Raises `ConflictError` if a line is to be left out and the import refuses all in this case.
        """
        network = (_staged.key, _staged.prefix_length)
        nth = func.row_number().over(partition_by=network, order_by=_staged.line).label("nth")
        place = (_staged.line, _staged.part)
        numbered = select(*place, nth).where(self._mine).subquery()
        later = select(numbered.c.line, numbered.c.part).where(numbered.c.nth > 1)
        repeats = tuple_(*place).in_(later)
        with database.read() as connection:
            be_patient(connection)
            has_some = self._first(connection, repeats)
        if has_some:
            with database.write(bulk=True) as connection:
                be_patient(connection)
                self._leave_out(connection, repeats, "repeats an earlier line")

    def leave_out_conflicts(
        self, connection: Connection, number: int, now_ms: int, *, replaces: bool
    ) -> int:
        """Leave out lines that conflict with the lists; returns how many lines replace an entry.

        Raises `ConflictError` as `leave_out_repeats`.
        """
        if number == BLACKLIST:
            self._leave_out_allowed(connection, now_ms)
        listed = exists().where(_entry.list == number, _SAME, rows.visible(now_ms))
        if not replaces:
            self._leave_out(connection, listed, "is on the list already")
            return 0
        query = select(func.count()).select_from(fleet_entries_staged).where(self._mine, listed)
        return int(connection.execute(query).scalar_one())

    def put(self, connection: Connection, number: int, entry: Common, *, replaces: bool) -> None:
        """Make entries of the remaining lines; replaces existing entries."""
        there = delete(fleet_entries).where(
            _entry.list == number, exists().where(self._mine, _SAME)
        )
        has_ended = () if replaces else (_entry.expires_ms <= entry.now_ms,)
        connection.execute(there.where(*has_ended))
        chosen = select(
            literal(number),
            _staged.key,
            _staged.prefix_length,
            _staged.reason,
            _staged.duration_s,
            literal(entry.now_ms),
            literal(entry.created_by),
            _staged.duration_s * 1000 + entry.now_ms,
            literal(entry.change),
        ).where(self._mine)
        columns = [column.name for column in fleet_entries.columns]
        connection.execute(insert(fleet_entries).from_select(columns, chosen))

    def _leave_out_allowed(self, connection: Connection, now_ms: int) -> None:
        """Leave out bans that could never take effect: the allowlist covers them."""
        after = (ALLOWLIST, b"", 0)
        while some := rows.page(connection, after, _ALLOWED_AT_ONCE, now_ms, ALLOWLIST):
            for row in some:
                holder = rows.network_of(row)
                why = f"is covered by {holder} on the fleet's allowlist"
                self._leave_out(connection, _within(holder), why)
            after = (ALLOWLIST, some[-1].key, some[-1].prefix_length)

    def _leave_out(self, connection: Connection, which: ColumnElement[bool], why: str) -> None:
        found = [
            (row.line, str(Network(row.key, row.prefix_length)), why)
            for row in self._first(connection, which)
        ]
        if not found:
            return
        if self._refuses:
            raise lines_conflict(found)
        done = connection.execute(delete(fleet_entries_staged).where(self._mine, which))
        self.skipped += done.rowcount
        self._skipped += found

    def _first(self, connection: Connection, which: ColumnElement[bool]) -> Sequence[AnyRow]:
        query = select(_staged.line, _staged.key, _staged.prefix_length).where(self._mine, which)
        return connection.execute(query.order_by(_staged.line).limit(SKIPPED_LISTED_MAX)).all()


def _within(holder: Network) -> ColumnElement[bool]:
    """The staged network lies within the other network."""
    inside = and_(
        _staged.key.between(holder.key, last_address(holder)),
        _staged.prefix_length >= holder.prefix_length,
    )
    if holder.family == 4:  # noqa: PLR2004
        return inside
    first, last = MAPPED_PREFIX + bytes(4), MAPPED_PREFIX + b"\xff" * 4
    is_ipv4 = and_(_staged.key.between(first, last), _staged.prefix_length >= KEY_BITS - 32)
    return and_(inside, ~is_ipv4)
