"""Writes to the rows of both lists and to their totals, within the caller's transaction.

A write to a network that a bulk change has staged or marked is recorded in ``import_skips``: the
bulk change then publishes the actual state of the network instead of the staged one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    select,
)
from sqlalchemy.dialects.sqlite import insert

from api.lists.kinds import kind
from api.management.database.tables import (
    entries,
    import_skips,
    imports,
    origin_totals,
    totals,
)
from api.management.lists.rows import (
    committed,
    ended,
    held,
    is_counted,
    is_live,
    key_of,
    network_of,
)
from api.storage.database import AnyRow
from dataplane.base.networks import Network


class Tally:
    """Changes of the totals of one list, summed up before they are written."""

    def __init__(self) -> None:
        self.networks: Counter[int] = Counter()
        """Changes of the number of networks by kind."""
        self.rows: Counter[tuple[int, str]] = Counter()
        """Changes of the number of rows by kind and origin."""

    def compare(self, network: Network, before: Sequence[AnyRow], after: Sequence[AnyRow]) -> None:
        """Count the difference between a network's former and present rows, as far as the totals
        count them."""
        of_kind = kind(network)
        self.networks[of_kind] += bool(after) - bool(before)
        for rows, sign in ((before, -1), (after, 1)):
            for row in rows:
                self.rows[of_kind, row.origin] += sign

    def add(self, other: Tally, sign: int = 1) -> None:
        """Add the counts of another tally, or subtract them (-1)."""
        for of_kind, change in other.networks.items():
            self.networks[of_kind] += sign * change
        for key, change in other.rows.items():
            self.rows[key] += sign * change

    def write(self, connection: Connection, lists: int) -> None:
        """Update the totals."""
        for of_kind, change in self.networks.items():
            if change:
                values = {"list": lists, "kind": of_kind, "count": change}
                connection.execute(_COUNT_NETWORKS, values)
        for (of_kind, origin), change in self.rows.items():
            if change:
                key = {"list": lists, "kind": of_kind, "origin": origin}
                connection.execute(_COUNT_ROWS, {**key, "count": change})
        if any(change < 0 for change in self.rows.values()):
            connection.execute(_FORGET_EMPTY)


def put(
    connection: Connection,
    lists: int,
    network: Network,
    origin: str,
    values: dict[str, Any],
    tally: Tally,
) -> Sequence[AnyRow]:
    """Add or replace the row of a network and an origin; returns the former rows, as `held`."""
    found = held(connection, lists, network)
    _touch(connection, network, found)
    before = [row for row in found if is_counted(row)]
    if any(row.origin == origin for row in found):
        connection.execute(_REMOVE, {**key_of(lists, network), "origin": origin})
    new = {**key_of(lists, network), "origin": origin, "import_id": 0, **values}
    connection.execute(_PUT, new)
    kept = [row for row in before if row.origin != origin]
    tally.compare(network, before, kept)
    tally.networks[kind(network)] += not kept
    tally.rows[kind(network), origin] += 1
    return found


def remove(
    connection: Connection, lists: int, network: Network, origin: str, tally: Tally
) -> Sequence[AnyRow]:
    """Remove the rows of a network and an origin; returns the former rows, as `held`."""
    found = held(connection, lists, network)
    _touch(connection, network, found)
    connection.execute(_REMOVE, {**key_of(lists, network), "origin": origin})
    before = [row for row in found if is_counted(row)]
    tally.compare(network, before, [row for row in before if row.origin != origin])
    return found


def any_ended(connection: Connection, boot_ms: int) -> bool:
    """Whether there are ended rows to purge."""
    query = select(entries.c.key).where(ended(boot_ms), committed()).limit(1)
    return connection.execute(query).first() is not None


def purge(connection: Connection, boot_ms: int, limit: int) -> int:
    """Remove ended rows, and no other rows of their networks; returns the number."""
    query = select(entries.c.list, entries.c.key, entries.c.prefix_length)
    rows = list(connection.execute(query.where(ended(boot_ms), committed()).limit(limit)))
    for lists, network in dict.fromkeys((row.list, network_of(row)) for row in rows):
        _purge_network(connection, lists, network, boot_ms)
    return len(rows)


def any_swept(connection: Connection) -> bool:
    """Whether there are rows to sweep."""
    return connection.execute(_GONE.limit(1)).first() is not None


def sweep(connection: Connection, limit: int) -> int:
    """Remove rows that a bulk change has ended; returns the number."""
    found = [row._asdict() for row in connection.execute(_GONE.limit(limit))]
    if found:
        connection.execute(_REMOVE_ROW, found)
    return len(found)


def _purge_network(connection: Connection, lists: int, network: Network, boot_ms: int) -> None:
    found, tally = held(connection, lists, network), Tally()
    _touch(connection, network, found)
    before = [row for row in found if is_counted(row)]
    kept = [row for row in before if is_live(row, boot_ms)]
    for row in before:
        if not is_live(row, boot_ms):
            which = {"origin": row.origin, "import_id": row.import_id}
            connection.execute(_REMOVE_ROW, {**key_of(lists, network), **which})
    tally.compare(network, before, kept)
    tally.write(connection, lists)


def _touch(connection: Connection, network: Network, found: Sequence[AnyRow]) -> None:
    for row in found:
        staged = row.revision is None and row.import_revision is None
        marked = row.ended_by is not None and row.ended_revision is None
        if staged or marked:
            import_id = row.import_id if staged else row.ended_by
            key = {"key": network.key, "prefix_length": network.prefix_length}
            connection.execute(_NOTE, {"import_id": import_id, **key})


def _is(*names: str) -> ColumnElement[bool]:
    return and_(*(entries.c[name] == bindparam(name) for name in names))


# Built once: SQLAlchemy takes longer to build a statement than SQLite takes to run it.
_REMOVE = delete(entries).where(_is("list", "key", "prefix_length", "origin"))
_REMOVE_ROW = delete(entries).where(_is("list", "key", "prefix_length", "origin", "import_id"))
_PUT = insert(entries)
_NOTE = insert(import_skips).on_conflict_do_nothing()
_PRIMARY = [column for column in entries.c if column.primary_key]
_GONE = select(*_PRIMARY).where(
    entries.c.ended_by.is_not(None),
    exists().where(imports.c.id == entries.c.ended_by, imports.c.revision.is_not(None)),
)
_ADD_NETWORKS, _ADD_ROWS = insert(totals), insert(origin_totals)
_COUNT_NETWORKS = _ADD_NETWORKS.on_conflict_do_update(
    index_elements=["list", "kind"],
    set_={"count": totals.c.count + _ADD_NETWORKS.excluded["count"]},
)
_COUNT_ROWS = _ADD_ROWS.on_conflict_do_update(
    index_elements=["list", "kind", "origin"],
    set_={"count": origin_totals.c.count + _ADD_ROWS.excluded["count"]},
)
_FORGET_EMPTY = delete(origin_totals).where(origin_totals.c["count"] <= 0)
