"""Writes what the reconciler and the countries have to say onto the statistics pages."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from dataplane import abi
from dataplane.shm import SharedStats
from dataplane.tables import ListsUsage


class StatsPublisher:
    """A `reconcile.Published` upon `SharedStats`; notices go where `notice` says."""

    def __init__(
        self, stats: SharedStats, notice: Callable[[abi.NoticeKind, int], None] | None = None
    ) -> None:
        self._header = stats.header
        self.notice = notice or (lambda _kind, _value: None)

    def database(self, database_id: UUID | None) -> None:
        """See `reconcile.Published`; 0 is in force while the bytes change."""
        self._header.applied_through = 0
        self._header.database_id[:] = list(database_id.bytes if database_id else bytes(16))

    def applied_through(self, revision: int) -> None:
        """See `reconcile.Published`."""
        self._header.applied_through = revision

    def loading(self, revision: int) -> None:
        """See `reconcile.Published`."""
        self._header.loading = revision

    def degraded(self, flag: abi.Degraded, *, on: bool) -> None:
        """See `reconcile.Published`."""
        bits = self._header.degraded
        self._header.degraded = bits | flag if on else bits & ~flag

    def rejected(self, revision: int, record: abi.ListRecord, error: int) -> None:
        """See `reconcile.Published`."""
        count = self._header.rejected_count
        slot = self._header.rejected[count % abi.REJECTED_MAX]
        slot.revision = revision
        slot.error = error
        slot.key[:] = list(bytes(record.key))
        slot.prefix_length = record.prefix_length
        slot.list = record.list
        self._header.rejected_count = count + 1
        self.notice(abi.NoticeKind.REJECTED, revision)

    def countries(self, date_s: int, ranges_ipv4: int, ranges_ipv6: int, size_bytes: int) -> None:
        """The country database that is in use from now on."""
        header = self._header
        header.countries_ranges_ipv4 = ranges_ipv4
        header.countries_ranges_ipv6 = ranges_ipv6
        header.countries_bytes = size_bytes
        header.countries_date = date_s

    def usage(self, usage: ListsUsage) -> None:
        """See `reconcile.Published`."""
        header = self._header
        header.addresses_max = usage.addresses_max
        header.addresses_used = usage.addresses_used
        header.prefixes_max = usage.prefixes_max
        header.prefixes_used_ipv4 = usage.prefixes_used_ipv4
        header.prefixes_used_ipv6 = usage.prefixes_used_ipv6
