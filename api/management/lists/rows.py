"""Queries on the rows of both lists; reads only, without the rules of the lists.

A row is one origin's entry of one network. It is visible if it has not ended, its revision (or that
of its import) is committed, and no committed bulk change ends it. ``totals`` counts the networks of
visible rows, and of ended rows that are not purged yet; ``origin_totals`` counts these rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import (
    BindParameter,
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    tuple_,
)

from api.lists import filters
from api.lists.kinds import kind, last_address, outer_keys
from api.management.database.tables import entries, imports, origin_totals, totals
from api.storage.database import AnyRow
from dataplane.base.clock import Clock, Deadline, latest_end
from dataplane.base.networks import KEY_BITS, MAPPED_PREFIX, Network
from dataplane.statelog import ListName, Put, Remove

_MAPPED_LAST = MAPPED_PREFIX + b"\xff" * 4
_CONTAINED_MAX = 3
_ROWS_AT_ONCE = 1000
_other = entries.alias("other")

_revision = func.coalesce(
    entries.c.revision,
    select(imports.c.revision).where(imports.c.id == entries.c.import_id).scalar_subquery(),
).label("revision")
_columns = [column for column in entries.c if column.name != "revision"]


Order = Literal["newest", "oldest", "ends"]


@dataclass(frozen=True)
class Only(filters.Only):
    """Filters of the entries of a list, joined by "and"."""

    origin: str | None = None
    has_end: bool = False

    @property
    def is_counted(self) -> bool:
        """Whether ``origin_totals`` has the number of these entries."""
        return self == Only(origin=self.origin)

    def with_end(self) -> Only:
        """The same filters, for entries with an end."""
        return replace(self, has_end=True)

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions for a row of ``entries``."""
        row = entries.c
        yield from self.of_rows(row, row.origin)
        if self.origin is not None:
            yield row.origin == self.origin
        if self.has_end:
            yield row.expires_boot_ms.is_not(None)


class Place(NamedTuple):
    """The position of an entry in the order of a list."""

    network: Network
    origin: str


def network_of(row: AnyRow) -> Network:
    """The network of a row."""
    return Network(row.key, row.prefix_length)


def deadline_of(row: AnyRow, boot_id: UUID) -> Deadline | None:
    """The deadline of a row; None: it has no end."""
    if row.expires_boot_ms is None:
        return None
    return Deadline(boot_id, row.expires_boot_ms, row.expires_utc_ms, row.duration_s)


def change(name: ListName, network: Network, found: Sequence[AnyRow], clock: Clock) -> Put | Remove:
    """The change for the data plane if these rows, and no others, hold the network."""
    boot_id, boot_ms = clock.boot_id(), clock.boot_ms()
    ends = [deadline_of(row, boot_id) for row in found if is_live(row, boot_ms)]
    return Put(name, network, latest_end(ends)) if ends else Remove(name, network)


def committed(of: Any = entries) -> ColumnElement[bool]:
    """The row's revision, or its import's, is committed, and no committed bulk change
    ends the row."""
    finished = imports.c.revision.is_not(None)
    of_import = exists().where(imports.c.id == of.c.import_id, finished)
    gone = exists().where(imports.c.id == of.c.ended_by, finished)
    return and_(or_(of.c.revision.is_not(None), of_import), or_(of.c.ended_by.is_(None), ~gone))


def visible(boot_ms: int | BindParameter[int], of: Any = entries) -> ColumnElement[bool]:
    """Committed and not ended at that time of the boot clock."""
    live = or_(of.c.expires_boot_ms.is_(None), of.c.expires_boot_ms > boot_ms)
    return and_(live, committed(of))


def ended(boot_ms: int) -> ColumnElement[bool]:
    """The row has ended at that time of the boot clock."""
    return and_(entries.c.expires_boot_ms.is_not(None), entries.c.expires_boot_ms <= boot_ms)


def find(connection: Connection, lists: int, network: Network, boot_ms: int) -> Sequence[AnyRow]:
    """The visible rows of exactly that network, in the order of their origins."""
    return list(connection.execute(_FIND, {**key_of(lists, network), "boot_ms": boot_ms}))


def held(connection: Connection, lists: int, network: Network) -> Sequence[AnyRow]:
    """All rows of a network, visible or not, with the revisions of the imports that added them
    (``import_revision``) and that end them (``ended_revision``)."""
    return list(connection.execute(_HELD, key_of(lists, network)))


def is_counted(row: AnyRow, finished: int | None = None) -> bool:
    """Whether the totals count a row of `held`; ``finished``: treat that import as committed."""
    began = row.revision is not None or row.import_revision is not None
    ends = row.ended_revision is not None
    if finished is not None:
        began = began or row.import_id == finished
        ends = ends or row.ended_by == finished
    return began and not ends


def is_live(row: AnyRow, boot_ms: int) -> bool:
    """Whether a row has not ended at that time of the boot clock."""
    return row.expires_boot_ms is None or bool(row.expires_boot_ms > boot_ms)


def page(
    connection: Connection,
    lists: int,
    after: Place | None,
    limit: int,
    boot_ms: int,
    only: Only,
) -> list[AnyRow]:
    """Visible rows in the order of networks and origins, after a given one."""
    query = _of_list(lists, boot_ms, only)
    if after is not None:
        columns = tuple_(entries.c.key, entries.c.prefix_length, entries.c.origin)
        query = query.where(columns > tuple_(*after.network, after.origin))
    return list(connection.execute(query.order_by(*_PLACE).limit(limit)))


def first(
    connection: Connection, lists: int, order: Order, limit: int, boot_ms: int, only: Only
) -> list[AnyRow]:
    """The first visible rows in another order; equal ones in the order of `page`."""
    by = {
        "newest": entries.c.created_ms.desc(),
        "oldest": entries.c.created_ms,
        "ends": entries.c.expires_boot_ms,
    }[order]
    query = _of_list(lists, boot_ms, only).order_by(by, *_PLACE).limit(limit)
    return list(connection.execute(query))


def among(
    connection: Connection, lists: int, wanted: Sequence[Network], boot_ms: int, only: Only
) -> list[AnyRow]:
    """Visible rows of these networks, unordered; at most some thousand networks."""
    keys = sorted({network.key for network in wanted})
    query = _of_list(lists, boot_ms, only).where(entries.c.key.in_(keys))
    known = set(wanted)
    return [row for row in connection.execute(query) if network_of(row) in known]


def lasting(connection: Connection, lists: int, network: Network, boot_ms: int) -> list[AnyRow]:
    """The visible rows of exactly that network, the one with the latest end first."""
    found = find(connection, lists, network, boot_ms)
    return sorted(found, key=_lasts, reverse=True)


def networks(connection: Connection, lists: int, boot_ms: int) -> Iterator[Network]:
    """The networks of all visible rows of a list, each once; a million of them take seconds."""
    query = select(entries.c.key, entries.c.prefix_length).where(
        entries.c.list == lists, visible(boot_ms)
    )
    query = query.group_by(entries.c.key, entries.c.prefix_length)
    for row in connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(query):
        yield network_of(row)


def total(connection: Connection, lists: int, boot_ms: int, only: Only) -> int:
    """The number of visible rows of a list that meet the filters."""
    if not only.is_counted:
        of_list = (entries.c.list == lists, visible(boot_ms), *only.conditions())
        return int(connection.execute(select(func.count()).where(*of_list)).scalar_one())
    origin = only.origin
    counted = select(func.coalesce(func.sum(origin_totals.c.count), 0))
    # "+ 0" keeps SQLite from reading the whole list: few rows have ended
    over = select(func.count()).where(entries.c.list + 0 == lists, ended(boot_ms), committed())
    counted = counted.where(origin_totals.c.list == lists)
    if origin is not None:
        counted = counted.where(origin_totals.c.origin == origin)
        over = over.where(entries.c.origin == origin)
    return int(connection.execute(counted).scalar_one() - connection.execute(over).scalar_one())


def used(connection: Connection, of_kind: int, boot_ms: int, limit: int) -> int:
    """The number of networks of a kind with visible rows, in both lists; exact at the limit."""
    counted = connection.execute(_NETWORKS_OF_KIND, {"kind": of_kind}).scalar_one()
    if counted < limit:
        return int(counted)
    same = [entries.c[name] == _other.c[name] for name in ("list", "key", "prefix_length")]
    held_by_another = exists().where(*same, visible(boot_ms, _other))
    query = _over(boot_ms).where(~held_by_another)
    return int(counted - sum(kind(network_of(row)) == of_kind for row in connection.execute(query)))


def used_rows(connection: Connection, of_kind: int, boot_ms: int, limit: int) -> int:
    """The number of visible rows of a kind in both lists; exact at the limit."""
    counted = connection.execute(_ROWS_OF_KIND, {"kind": of_kind}).scalar_one()
    if counted < limit:
        return int(counted)
    query = select(entries.c.key, entries.c.prefix_length).where(ended(boot_ms), committed())
    return int(counted - sum(kind(network_of(row)) == of_kind for row in connection.execute(query)))


def is_empty(connection: Connection, lists: int) -> bool:
    """Whether a list has no entry."""
    return connection.execute(_ANY_OF_LIST, {"list": lists}).first() is None


def holders(
    connection: Connection, lists: int, network: Network, boot_ms: int
) -> Sequence[Network]:
    """Networks of visible entries that contain the whole network, itself included, widest first."""
    parameters = {"list": lists, "keys": outer_keys(network), "boot_ms": boot_ms}
    found = {network_of(row) for row in connection.execute(_AMONG, parameters)}
    inside = (each for each in found if each.contains(network))
    return sorted(inside, key=lambda each: each.prefix_length)


def contained(
    connection: Connection,
    lists: int,
    network: Network,
    boot_ms: int,
    limit: int = _CONTAINED_MAX,
) -> Sequence[Network]:
    """Some networks of visible entries of a list that lie within the network, at most ``limit``."""
    parameters = {
        **key_of(lists, network),
        "last": last_address(network),
        "is_ipv6": network.family == 6,  # noqa: PLR2004
        "boot_ms": boot_ms,
        "limit": limit,
    }
    return [network_of(row) for row in connection.execute(_WITHIN, parameters)]


def _of_list(lists: int, boot_ms: int, only: Only) -> Select[Any]:
    where = (entries.c.list == lists, visible(boot_ms), *only.conditions())
    return select(*_columns, _revision).where(*where)


def _lasts(row: AnyRow) -> tuple[bool, int]:
    return row.expires_boot_ms is None, row.expires_boot_ms or 0


def key_of(lists: int, network: Network) -> dict[str, Any]:
    """The columns that identify the rows of a network."""
    return {"list": lists, "key": network.key, "prefix_length": network.prefix_length}


def _over(boot_ms: int) -> Select[Any]:
    """Networks that have an ended entry that is not purged yet."""
    columns = (entries.c.list, entries.c.key, entries.c.prefix_length)
    return select(*columns).where(ended(boot_ms), committed()).distinct()


_PLACE = (entries.c.key, entries.c.prefix_length, entries.c.origin)
# Built once: SQLAlchemy takes longer to build a statement than SQLite takes to run it.
_NOW = bindparam("boot_ms", type_=Integer)
_IS = and_(
    entries.c.list == bindparam("list"),
    entries.c.key == bindparam("key"),
    entries.c.prefix_length == bindparam("prefix_length"),
)
_FIND = select(*_columns, _revision).where(_IS, visible(_NOW)).order_by(entries.c.origin)
_brought, _ending = imports.alias("brought"), imports.alias("ending")
_HELD = (
    select(
        entries,
        _brought.c.revision.label("import_revision"),
        _ending.c.revision.label("ended_revision"),
    )
    .select_from(
        entries.outerjoin(_brought, _brought.c.id == entries.c.import_id).outerjoin(
            _ending, _ending.c.id == entries.c.ended_by
        )
    )
    .where(_IS)
)
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
        # IPv4 keys lie within those of ::/0 and similar prefixes, but these networks do not contain
        # IPv4
        ~and_(
            bindparam("is_ipv6", type_=Boolean),
            entries.c.key.between(MAPPED_PREFIX + bytes(4), _MAPPED_LAST),
            entries.c.prefix_length >= KEY_BITS - 32,
        ),
        visible(_NOW),
    )
    .group_by(entries.c.key, entries.c.prefix_length)
    .order_by(entries.c.key, entries.c.prefix_length)
    .limit(bindparam("limit", type_=Integer))
)
_NETWORKS_OF_KIND = select(func.coalesce(func.sum(totals.c.count), 0)).where(
    totals.c.kind == bindparam("kind")
)
_ROWS_OF_KIND = select(func.coalesce(func.sum(origin_totals.c.count), 0)).where(
    origin_totals.c.kind == bindparam("kind")
)
_ANY_OF_LIST = (
    select(totals.c.count).where(totals.c.list == bindparam("list"), totals.c.count > 0).limit(1)
)
