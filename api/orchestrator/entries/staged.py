"""The lines of an import beside a list: what of them may be put on it.

Every statement is about all lines at once; none of them comes here but those that are named to the
client.
"""

from __future__ import annotations

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
)

from api.common.errors import ConflictError, FieldError
from api.lists.kinds import ALLOWLIST, BLACKLIST, last_address
from api.orchestrator.database.tables.entries import fleet_entries, fleet_entries_staged
from api.orchestrator.entries import rows
from dataplane.base.networks import KEY_BITS, MAPPED_PREFIX, Network

SKIPPED_LISTED_MAX = 100
_ALLOWED_AT_ONCE = 1_000
_staged, _entry = fleet_entries_staged.c, fleet_entries.c
_other = fleet_entries_staged.alias("other")
_LIMIT = "no conflict, or on_conflict=skip or replace"

Skipped = tuple[int, str, str]
"""Line, network and why."""


class Staged:
    """The lines of one import, in the transaction that commits them."""

    def __init__(
        self, connection: Connection, import_id: str, now_ms: int, *, refuses: bool
    ) -> None:
        self._connection = connection
        self._now_ms = now_ms
        self._refuses = refuses
        self._import_id = import_id
        self._mine = _staged.import_id == import_id
        self._skipped: list[Skipped] = []
        self.skipped = 0

    @property
    def first_skipped(self) -> tuple[Skipped, ...]:
        """Of the lines that are left out, the first hundred."""
        return tuple(sorted(self._skipped)[:SKIPPED_LISTED_MAX])

    def leave_out_conflicts(self, number: int, *, replaces: bool) -> int:
        """Leave out what can't be put on the list; returns how many lines replace an entry.

        Raises `ConflictError` if one line that is to be left out refuses all.
        """
        earlier = exists().where(
            _other.c.import_id == self._import_id,
            _other.c.key == _staged.key,
            _other.c.prefix_length == _staged.prefix_length,
            _other.c.line < _staged.line,
        )
        self._leave_out(earlier, "repeats an earlier line")
        if number == BLACKLIST:
            self._leave_out_allowed()
        same = and_(_entry.key == _staged.key, _entry.prefix_length == _staged.prefix_length)
        listed = exists().where(_entry.list == number, same, rows.visible(self._now_ms))
        if not replaces:
            self._leave_out(listed, "is on the list already")
            return 0
        query = select(func.count()).select_from(fleet_entries_staged).where(self._mine, listed)
        return int(self._connection.execute(query).scalar_one())

    def put(self, number: int, created_by: str, change: int) -> None:
        """What is left becomes entries, in the place of those that were there."""
        same = and_(_entry.key == _staged.key, _entry.prefix_length == _staged.prefix_length)
        replaced = exists().where(self._mine, same)
        query = delete(fleet_entries).where(_entry.list == number, replaced)
        self._connection.execute(query)
        chosen = select(
            literal(number),
            _staged.key,
            _staged.prefix_length,
            _staged.reason,
            _staged.duration_s,
            literal(self._now_ms),
            literal(created_by),
            _staged.duration_s * 1000 + self._now_ms,
            literal(change),
        ).where(self._mine)
        columns = [column.name for column in fleet_entries.columns]
        self._connection.execute(insert(fleet_entries).from_select(columns, chosen))

    def _leave_out_allowed(self) -> None:
        """Bans that could never act: entries of the allowlist cover them."""
        after = (ALLOWLIST, b"", 0)
        while some := rows.page(self._connection, after, _ALLOWED_AT_ONCE, self._now_ms, ALLOWLIST):
            for row in some:
                holder = rows.network_of(row)
                why = f"is covered by {holder} on the fleet's allowlist"
                self._leave_out(_within(holder), why)
            after = (ALLOWLIST, some[-1].key, some[-1].prefix_length)

    def _leave_out(self, which: ColumnElement[bool], why: str) -> None:
        query = select(_staged.line, _staged.key, _staged.prefix_length).where(self._mine, which)
        query = query.order_by(_staged.line).limit(SKIPPED_LISTED_MAX)
        found = [
            (row.line, str(Network(row.key, row.prefix_length)), why)
            for row in self._connection.execute(query)
        ]
        if not found:
            return
        if self._refuses:
            raise _conflict(found[0])
        done = self._connection.execute(delete(fleet_entries_staged).where(self._mine, which))
        self.skipped += done.rowcount
        self._skipped += found


def _within(holder: Network) -> ColumnElement[bool]:
    """The staged network lies within another."""
    inside = and_(
        _staged.key.between(holder.key, last_address(holder)),
        _staged.prefix_length >= holder.prefix_length,
    )
    if holder.family == 4:  # noqa: PLR2004
        return inside
    first, last = MAPPED_PREFIX + bytes(4), MAPPED_PREFIX + b"\xff" * 4
    is_ipv4 = and_(_staged.key.between(first, last), _staged.prefix_length >= KEY_BITS - 32)
    return and_(inside, ~is_ipv4)


def _conflict(skipped: Skipped) -> ConflictError:
    line, network, why = skipped
    message = f"line {line}: {network} {why}"
    return ConflictError(message, errors=[FieldError(f"line {line}", network, _LIMIT, message)])
