"""Queries on the rows of the fleet's lists, without the rules of the lists.

A row is visible until it has ended by the database's clock; it is purged some time later.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, tuple_

from api.lists.filters import Only
from api.lists.kinds import last_address, outer_keys
from api.lists.schemas import FLEET
from api.orchestrator.database.tables.entries import fleet_entries
from api.storage.database import AnyRow
from api.storage.statements.upsert import upsert
from dataplane.base.networks import KEY_BITS, MAPPED_PREFIX, Network

Order = Literal["newest", "oldest", "ends"]
ALL = Only()
"""No filter."""
_CONTAINED_MAX = 3
_entry = fleet_entries.c
_PLACE = (_entry.list, _entry.key, _entry.prefix_length)

Place = tuple[int, bytes, int]
"""A row's primary key, which is also the sort order of both lists."""


def network_of(row: AnyRow) -> Network:
    """The network of a row."""
    return Network(row.key, row.prefix_length)


def place_of(lists: int, network: Network) -> Place:
    """The primary key of a network's row."""
    return lists, network.key, network.prefix_length


def item_of(place: Place) -> bytes:
    """A place in the form of the log of changes and of cursors, with the same sort order."""
    lists, key, prefix_length = place
    return bytes([lists]) + key + bytes([prefix_length])


def place_from(item: bytes) -> Place:
    """The reverse of `item_of`."""
    return item[0], item[1:-1], item[-1]


def visible(now_ms: int) -> ColumnElement[bool]:
    """The row has not ended at that time."""
    return or_(_entry.expires_ms.is_(None), _entry.expires_ms > now_ms)


def find(connection: Connection, lists: int, network: Network, now_ms: int) -> AnyRow | None:
    """The visible row of exactly that network."""
    query = select(fleet_entries).where(_is(place_of(lists, network)), visible(now_ms))
    return connection.execute(query).first()


def put(connection: Connection, lists: int, network: Network, values: dict[str, Any]) -> None:
    """Add a row, or replace the one of that network."""
    names = ("list", "key", "prefix_length")
    key = dict(zip(names, place_of(lists, network), strict=True))
    upsert(connection, fleet_entries, key, values)


def remove(connection: Connection, lists: int, network: Network) -> None:
    """Delete a network's row, visible or not."""
    connection.execute(delete(fleet_entries).where(_is(place_of(lists, network))))


def page(
    connection: Connection,
    after: Place | None,
    limit: int,
    now_ms: int,
    lists: int | None = None,
    only: Only = ALL,
) -> Sequence[AnyRow]:
    """Visible rows of one list or of both in the order of their places, after a given one."""
    query = select(fleet_entries).where(visible(now_ms), *_conditions(only))
    if lists is not None:
        query = query.where(_entry.list == lists)
    if after is not None:
        query = query.where(tuple_(*_PLACE) > tuple_(*after))
    return connection.execute(query.order_by(*_PLACE).limit(limit)).all()


def first(
    connection: Connection, lists: int, order: Order, limit: int, now_ms: int, only: Only
) -> tuple[Sequence[AnyRow], int]:
    """The first visible rows of a list in another order, and the number of all such rows."""
    by = {
        "newest": _entry.created_ms.desc(),
        "oldest": _entry.created_ms,
        "ends": _entry.expires_ms,
    }[order]
    conditions = [_entry.list == lists, visible(now_ms), *_conditions(only)]
    if order == "ends":
        conditions.append(_entry.expires_ms.is_not(None))
    query = select(fleet_entries).where(*conditions).order_by(by, *_PLACE).limit(limit)
    count = select(func.count()).where(*conditions)
    return connection.execute(query).all(), int(connection.execute(count).scalar_one())


def total(connection: Connection, lists: int, now_ms: int, only: Only) -> int:
    """The number of visible rows of a list that meet the filters."""
    if only == ALL:
        return totals(connection, now_ms).get(lists, 0)
    count = select(func.count()).where(_entry.list == lists, visible(now_ms), *_conditions(only))
    return int(connection.execute(count).scalar_one())


def changed(connection: Connection, change: int, now_ms: int) -> Sequence[AnyRow]:
    """Visible rows that were written after a change."""
    query = select(fleet_entries).where(_entry.change > change, visible(now_ms))
    return connection.execute(query.order_by(*_PLACE)).all()


def totals(connection: Connection, now_ms: int) -> dict[int, int]:
    """The number of visible rows by list; lists without rows are missing.

    Counts all rows minus the ended ones; indices have both numbers, so a million rows need not be
    read.
    """
    counted = select(_entry.list, func.count().label("entries")).group_by(_entry.list)
    found = {row.list: row.entries for row in connection.execute(counted)}
    for row in connection.execute(counted.where(_entry.expires_ms <= now_ms)):
        found[row.list] -= row.entries
    return {lists: entries for lists, entries in found.items() if entries}


def holders(connection: Connection, lists: int, network: Network, now_ms: int) -> list[Network]:
    """Networks of visible rows that contain the whole network, itself included, widest first."""
    columns = (_entry.key, _entry.prefix_length)
    query = select(*columns).where(_entry.list == lists, _entry.key.in_(outer_keys(network)))
    found = map(network_of, connection.execute(query.where(visible(now_ms))))
    inside = (each for each in found if each.contains(network))
    return sorted(inside, key=lambda each: each.prefix_length)


def contained(
    connection: Connection,
    lists: int,
    network: Network,
    now_ms: int,
    limit: int = _CONTAINED_MAX,
) -> list[Network]:
    """Some networks of visible rows of a list that lie within the network, at most ``limit``."""
    query = select(_entry.key, _entry.prefix_length).where(
        _entry.list == lists,
        _entry.key.between(network.key, last_address(network)),
        _entry.prefix_length >= network.prefix_length,
        visible(now_ms),
    )
    if network.family == 6:  # noqa: PLR2004 - IPv4's keys lie within those of ::/0 and its like
        first, last = MAPPED_PREFIX + bytes(4), MAPPED_PREFIX + b"\xff" * 4
        is_ipv4 = and_(_entry.key.between(first, last), _entry.prefix_length >= KEY_BITS - 32)
        query = query.where(~is_ipv4)
    query = query.order_by(_entry.key, _entry.prefix_length).limit(limit)
    return [network_of(row) for row in connection.execute(query)]


def purge(connection: Connection, now_ms: int, limit: int) -> int:
    """Delete rows that have ended; returns the number. Nodes end them by themselves."""
    ended = select(*_PLACE).where(_entry.expires_ms <= now_ms).limit(limit)
    found = connection.execute(ended).all()
    for row in found:
        connection.execute(delete(fleet_entries).where(_is((row.list, row.key, row.prefix_length))))
    return len(found)


def _conditions(only: Only) -> list[ColumnElement[bool]]:
    return list(only.of_rows(_entry, FLEET))


def _is(place: Place) -> ColumnElement[bool]:
    return and_(*(column == value for column, value in zip(_PLACE, place, strict=True)))
