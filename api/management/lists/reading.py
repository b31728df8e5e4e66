"""Reads a list: pages with filters, the most hit entries, and the networks that cover a network.

Only the filter by origin has an index, because each index makes imports slower. With another
filter, a page reads the list from its start position until it is full, and the number of all
matching entries is counted once, with the first page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from api.lists import kinds
from api.lists.looking_up import LookUp, Reading, look_up
from api.management.dataplane import Dataplane
from api.management.lists import rows
from api.management.lists.rows import Only, Place
from api.management.lists.service import Entry, entry_of
from api.storage.sqlite import Database
from dataplane.base.clock import Clock
from dataplane.base.networks import Network
from dataplane.statelog import ListName


@dataclass(frozen=True)
class EntryPage:
    """A page of a list, the number of all matching entries, and the position of the next page.

    ``total`` None: it was counted with an earlier page.
    """

    entries: tuple[Entry, ...]
    total: int | None
    next: Place | None = None


class ListReader:
    """Both lists of a node, for reading."""

    def __init__(self, database: Database, plane: Dataplane, clock: Clock) -> None:
        self._database = database
        self._plane = plane
        self._clock = clock

    def page(self, name: ListName, after: Place | None, limit: int, only: Only) -> EntryPage:
        """Entries in the order of networks and origins; changes of the list do not affect this
        order."""
        boot_ms, number = self._clock.boot_ms(), kinds.number[name]
        with self._database.read() as connection:
            found = rows.page(connection, number, after, limit + 1, boot_ms, only)
            total = None
            if after is None and not only.is_counted and len(found) <= limit:
                total = len(found)  # avoids a second read of every entry
            elif after is None or only.is_counted:
                total = rows.total(connection, number, boot_ms, only)
        entries = tuple(entry_of(row) for row in found[:limit])
        last = Place(entries[-1].network, entries[-1].origin) if len(found) > limit else None
        return EntryPage(entries, total, last)

    def first(self, name: ListName, order: rows.Order, limit: int, only: Only) -> EntryPage:
        """The first entries in another order; there are no further pages."""
        boot_ms, number = self._clock.boot_ms(), kinds.number[name]
        only = only.with_end() if order == "ends" else only
        with self._database.read() as connection:
            found = rows.first(connection, number, order, limit, boot_ms, only)
            total = rows.total(connection, number, boot_ms, only)
        return EntryPage(tuple(entry_of(row) for row in found), total)

    def most_hit(self, name: ListName, limit: int, only: Only) -> EntryPage:
        """The networks among the data plane's most hit ones that meet the filters.

        Raises `DataplaneAwayError`.
        """
        ranks = {each: rank for rank, each in enumerate(self._plane.most_hit(name))}
        boot_ms, number = self._clock.boot_ms(), kinds.number[name]
        with self._database.read() as connection:
            rows_found = rows.among(connection, number, list(ranks), boot_ms, only)
        found = [entry_of(row) for row in rows_found]
        found.sort(key=lambda each: (ranks[each.network], each.origin))
        return EntryPage(tuple(found[:limit]), len(found))

    def look_up(self, name: ListName, asked: Network) -> LookUp[Entry]:
        """See `api.lists.looking_up`; rejected entries do not count for the verdict."""
        boot_ms = self._clock.boot_ms()
        with self._database.read() as connection:

            def holders(each: ListName) -> dict[Network, list[Entry]]:
                number = kinds.number[each]
                found = rows.holders(connection, number, asked, boot_ms)
                return {
                    network: list(map(entry_of, rows.lasting(connection, number, network, boot_ms)))
                    for network in reversed(found)
                }

            def contained(each: ListName, limit: int) -> Sequence[Network]:
                return rows.contained(connection, kinds.number[each], asked, boot_ms, limit)

            reading = Reading(holders, contained, lambda one: one.rejected is None)
            return look_up(name, asked, reading)
