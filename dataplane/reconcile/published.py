"""Writes the values of the reconciler and the countries to the statistics pages."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from dataplane.native import abi
from dataplane.reconcile.records import KINDS
from dataplane.reconcile.rejections import Rejection, RulePlace
from dataplane.shared.transport.shm import SharedStats
from dataplane.tables.lists import ListsUsage

_MORE = "…".encode()


class StatsPublisher:
    """A `reconcile.Published` on `SharedStats`; notices go to `notice`."""

    def __init__(
        self, stats: SharedStats, notice: Callable[[abi.NoticeKind, int], None] | None = None
    ) -> None:
        self._header = stats.header
        self.notice = notice or (lambda _kind, _value: None)

    def database(self, database_id: UUID | None) -> None:
        """See `reconcile.Published`; revision 0 is in force while the bytes change."""
        self._header.applied_through = self._header.rules_through = 0
        self._header.database_id[:] = list(database_id.bytes if database_id else bytes(16))

    def applied_through(self, revision: int) -> None:
        """See `reconcile.Published`."""
        self._header.applied_through = revision

    def drain(self, *, on: bool) -> None:
        """See `reconcile.Published`."""
        self._header.drain.wanted = int(on)

    def rules_through(self, revision: int) -> None:
        """See `reconcile.Published`."""
        self._header.rules_through = revision

    def loading(self, revision: int) -> None:
        """See `reconcile.Published`."""
        self._header.loading = revision

    def degraded(self, flag: abi.Degraded, *, on: bool) -> None:
        """See `reconcile.Published`."""
        bits = self._header.degraded
        self._header.degraded = bits | flag if on else bits & ~flag

    def rejected(self, rejection: Rejection) -> None:
        """See `reconcile.Published`."""
        place, count = rejection.place, self._header.rejected_count
        slot = self._header.rejected[count % abi.REJECTED_MAX]
        slot.revision, slot.error = rejection.revision, rejection.error
        if isinstance(place, abi.RejectedKind):
            slot.kind = place
        elif isinstance(place, RulePlace):
            slot.kind, slot.rule = abi.RejectedKind.RULE, place.number
        else:
            name, network = place
            slot.kind, slot.list = abi.RejectedKind.ENTRY, KINDS[name]
            slot.key[:] = list(network.key)
            slot.prefix_length = network.prefix_length
        slot.text[:] = list(_shortened(rejection.text))
        self._header.rejected_count = count + 1
        self.notice(abi.NoticeKind.REJECTED, rejection.revision)

    def countries(self, date_s: int, ranges_ipv4: int, ranges_ipv6: int, size_bytes: int) -> None:
        """The country database in use from now on."""
        header = self._header
        header.countries_ranges_ipv4 = ranges_ipv4
        header.countries_ranges_ipv6 = ranges_ipv6
        header.countries_bytes = size_bytes
        header.countries_date = date_s

    def overlays(self, count: int, panic_until_boot_ms: int) -> None:
        """See `dataplane.reconcile.overlaid.Published`."""
        self._header.overlays = count
        self._header.panic_until_boot_ms = panic_until_boot_ms

    def usage(self, usage: ListsUsage) -> None:
        """See `reconcile.Published`."""
        header = self._header
        header.addresses_max = usage.addresses_max
        header.addresses_used = usage.addresses_used
        header.prefixes_max = usage.prefixes_max
        header.prefixes_used_ipv4 = usage.prefixes_used_ipv4
        header.prefixes_used_ipv6 = usage.prefixes_used_ipv6


def _shortened(text: str) -> bytes:
    """Text of a slot's size in bytes, filled up with 0; a cut text is marked."""
    content = text.encode(errors="replace")
    if len(content) > abi.REJECTED_TEXT:
        content = content[: abi.REJECTED_TEXT - len(_MORE)].decode(errors="ignore").encode() + _MORE
    return content.ljust(abi.REJECTED_TEXT, b"\0")
