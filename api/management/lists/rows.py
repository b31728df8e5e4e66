"""Queries over the rows of both lists. No rule lives here, and no transaction begins here.

A row is visible when it has not ended and its revision, or that of the import it came with, is
committed. ``totals`` counts visible rows and those that ended but are not purged yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert

from api.management.database import AnyRow
from api.management.database.tables import entries, import_skips, imports, meta, totals
from dataplane.clock import Clock
from dataplane.networks import KEY_BITS, MAPPED_PREFIX, Network
from dataplane.statelog import ListName

LISTS: tuple[ListName, ...] = ("blacklist", "allowlist")
"""By the number in the column ``list``."""
BLACKLIST, ALLOWLIST = range(2)
ADDRESS, PREFIX_IPV4, PREFIX_IPV6 = range(3)
KINDS = ("addresses", "IPv4 prefixes", "IPv6 prefixes")
_MAPPED_LAST = MAPPED_PREFIX + b"\xff" * 4
_CONTAINED_MAX = 3
_ROWS_AT_ONCE = 1000

number = {name: index for index, name in enumerate(LISTS)}

_revision = func.coalesce(
    entries.c.revision,
    select(imports.c.revision).where(imports.c.id == entries.c.import_id).scalar_subquery(),
).label("revision")
_columns = [column for column in entries.c if column.name != "revision"]


def kind(network: Network) -> int:
    """Which of the data plane's tables the network takes a place in."""
    if network.is_address:
        return ADDRESS
    return PREFIX_IPV4 if network.family == 4 else PREFIX_IPV6  # noqa: PLR2004


def network_of(row: AnyRow) -> Network:
    """The network of a row."""
    return Network(row.key, row.prefix_length)


def committed() -> ColumnElement[bool]:
    """The row's revision, or its import's, is committed."""
    of_import = exists().where(imports.c.id == entries.c.import_id, imports.c.revision.is_not(None))
    return or_(entries.c.revision.is_not(None), of_import)


def visible(boot_ms: int | BindParameter[int]) -> ColumnElement[bool]:
    """Committed and not ended at that time of the boot clock."""
    live = or_(entries.c.expires_boot_ms.is_(None), entries.c.expires_boot_ms > boot_ms)
    return and_(live, committed())


def find(connection: Connection, lists: int, network: Network, boot_ms: int) -> AnyRow | None:
    """The visible row of exactly that network."""
    return connection.execute(_FIND, {**_key(lists, network), "boot_ms": boot_ms}).first()


def page(
    connection: Connection, lists: int, after: Network | None, limit: int, boot_ms: int
) -> list[AnyRow]:
    """Visible rows in the order of their networks, beginning after one."""
    query = select(*_columns, _revision).where(entries.c.list == lists, visible(boot_ms))
    if after is not None:
        query = query.where(tuple_(entries.c.key, entries.c.prefix_length) > tuple_(*after))
    query = query.order_by(entries.c.key, entries.c.prefix_length).limit(limit)
    return list(connection.execute(query))


def networks(connection: Connection, lists: int, boot_ms: int) -> Iterator[Network]:
    """The networks of all visible rows of a list, in no order; a million take seconds."""
    query = select(entries.c.key, entries.c.prefix_length).where(
        entries.c.list == lists, visible(boot_ms)
    )
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
        yield network_of(row)


def total(connection: Connection, lists: int, boot_ms: int) -> int:
    """How many rows of a list are visible."""
    counted = connection.execute(
        select(func.coalesce(func.sum(totals.c.count), 0)).where(totals.c.list == lists)
    ).scalar_one()
    ended = connection.execute(
        select(func.count())
        .select_from(entries)
        # "+ 0" keeps SQLite from walking the whole list: few rows have ended
        .where(entries.c.list + 0 == lists, _ended(boot_ms), committed())
    ).scalar_one()
    return int(counted - ended)


def used(connection: Connection, of_kind: int, boot_ms: int, limit: int) -> int:
    """How many rows of a kind are visible in both lists; exact where it matters, at the limit."""
    counted = connection.execute(_OF_KIND, {"kind": of_kind}).scalar_one()
    if counted < limit:
        return int(counted)
    ended = select(entries.c.key, entries.c.prefix_length).where(_ended(boot_ms), committed())
    rows = connection.execute(ended)
    return int(counted - sum(kind(network_of(row)) == of_kind for row in rows))


def holders(
    connection: Connection, lists: int, network: Network, boot_ms: int
) -> Sequence[Network]:
    """Visible entries of a list that contain the whole network, itself included, widest first."""
    shortest = KEY_BITS - 32 if network.family == 4 else 0  # noqa: PLR2004
    value = int.from_bytes(network.key, "big")
    lengths = range(shortest, network.prefix_length + 1)
    keys = sorted({(value >> KEY_BITS - n << KEY_BITS - n).to_bytes(16, "big") for n in lengths})
    parameters = {"list": lists, "keys": keys, "boot_ms": boot_ms}
    query = connection.execute(_AMONG, parameters)
    found = (network_of(row) for row in query)
    inside = (each for each in found if each.contains(network))
    return sorted(inside, key=lambda each: each.prefix_length)


def contained(
    connection: Connection, lists: int, network: Network, boot_ms: int
) -> Sequence[Network]:
    """Some visible entries of a list that lie within the network."""
    parameters = {
        **_key(lists, network),
        "last": last_address(network),
        "is_ipv6": network.family == 6,  # noqa: PLR2004
        "boot_ms": boot_ms,
    }
    return [network_of(row) for row in connection.execute(_WITHIN, parameters)]


def last_address(network: Network) -> bytes:
    """The key of the network's last address."""
    host_bits = (1 << KEY_BITS - network.prefix_length) - 1
    return (int.from_bytes(network.key, "big") | host_bits).to_bytes(16, "big")


def put(connection: Connection, lists: int, network: Network, values: dict[str, Any]) -> None:
    """Add or replace a row; a staged row of the same network is taken over from its import."""
    key = _key(lists, network)
    old = connection.execute(_ANY, key).first()
    if old is not None and old.revision is None:
        _take_over(connection, old)
    if old is None or not _counted(connection, old):
        count(connection, lists, kind(network), 1)
    connection.execute(_PUT, {**key, **values, "import_id": None, "rejected": None})


def remove(connection: Connection, lists: int, network: Network) -> None:
    """Remove a visible row."""
    connection.execute(_REMOVE, _key(lists, network))
    count(connection, lists, kind(network), -1)


def count(connection: Connection, lists: int, of_kind: int, change: int) -> None:
    """Correct the totals."""
    connection.execute(_COUNT, {"list": lists, "kind": of_kind, "count": change})


def any_ended(connection: Connection, boot_ms: int) -> bool:
    """Whether there is something to purge."""
    query = select(entries.c.key).where(_ended(boot_ms), committed()).limit(1)
    return connection.execute(query).first() is not None


def purge(connection: Connection, boot_ms: int, limit: int) -> int:
    """Remove rows that have ended; returns how many."""
    query = select(entries.c.list, entries.c.key, entries.c.prefix_length)
    rows = list(connection.execute(query.where(_ended(boot_ms), committed()).limit(limit)))
    for row in rows:
        remove(connection, row.list, network_of(row))
    return len(rows)


def rebase(connection: Connection, clock: Clock) -> None:
    """After a reboot: give deadlines their place on this boot's clock (`Deadline.remaining_ms`)."""
    boot_id = str(clock.boot_id())
    known = connection.execute(select(meta.c.value).where(meta.c.name == "boot_id")).scalar()
    if known == boot_id:
        return
    boot_ms, duration_ms = clock.boot_ms(), entries.c.duration_s * 1000
    left = func.min(entries.c.expires_utc_ms - clock.utc_ms(), duration_ms - boot_ms)
    connection.execute(
        update(entries)
        .where(entries.c.expires_boot_ms.is_not(None))
        .values(expires_boot_ms=boot_ms + func.max(0, left))
    )
    statement = insert(meta).values(name="boot_id", value=boot_id)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": boot_id})
    )


def _key(lists: int, network: Network) -> dict[str, Any]:
    return {"list": lists, "key": network.key, "prefix_length": network.prefix_length}


def _ended(boot_ms: int) -> ColumnElement[bool]:
    return and_(entries.c.expires_boot_ms.is_not(None), entries.c.expires_boot_ms <= boot_ms)


def _import_revision(connection: Connection, import_id: int) -> int | None:
    query = select(imports.c.revision).where(imports.c.id == import_id)
    return connection.execute(query).scalar()


def _counted(connection: Connection, row: AnyRow) -> bool:
    """Whether the totals know the row."""
    if row.revision is not None:
        return True
    return _import_revision(connection, row.import_id) is not None


def _take_over(connection: Connection, row: AnyRow) -> None:
    if _import_revision(connection, row.import_id) is None:
        statement = insert(import_skips).values(
            import_id=row.import_id, key=row.key, prefix_length=row.prefix_length
        )
        connection.execute(statement.on_conflict_do_nothing())


# Built once: SQLAlchemy takes longer to build a statement than SQLite to run it.
_NOW = bindparam("boot_ms", type_=Integer)
_IS = and_(
    entries.c.list == bindparam("list"),
    entries.c.key == bindparam("key"),
    entries.c.prefix_length == bindparam("prefix_length"),
)
_ANY = select(entries).where(_IS)
_FIND = select(*_columns, _revision).where(_IS, visible(_NOW))
_REMOVE = delete(entries).where(_IS)
_AMONG = select(entries.c.key, entries.c.prefix_length).where(
    entries.c.list == bindparam("list"),
    entries.c.key.in_(bindparam("keys", expanding=True)),
    visible(_NOW),
)
_WITHIN = (
    select(entries.c.key, entries.c.prefix_length)
    .where(
        entries.c.list == bindparam("list"),
        entries.c.key.between(bindparam("key"), bindparam("last")),
        entries.c.prefix_length >= bindparam("prefix_length"),
        # IPv4 lies within the keys of ::/0 and its like, but not within those networks
        ~and_(
            bindparam("is_ipv6", type_=Boolean),
            entries.c.key.between(MAPPED_PREFIX + bytes(4), _MAPPED_LAST),
            entries.c.prefix_length >= KEY_BITS - 32,
        ),
        visible(_NOW),
    )
    .limit(_CONTAINED_MAX)
)
_OF_KIND = select(func.coalesce(func.sum(totals.c.count), 0)).where(
    totals.c.kind == bindparam("kind")
)
_KEY_NAMES = ("list", "key", "prefix_length")
_INSERT = insert(entries)
_PUT = _INSERT.on_conflict_do_update(
    index_elements=_KEY_NAMES,
    set_={
        column.name: _INSERT.excluded[column.name]
        for column in entries.c
        if column.name not in _KEY_NAMES
    },
)
_ADD = insert(totals)
_COUNT = _ADD.on_conflict_do_update(
    index_elements=["list", "kind"], set_={"count": totals.c.count + _ADD.excluded["count"]}
)
