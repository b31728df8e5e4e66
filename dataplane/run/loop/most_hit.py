"""The entries of the lists that were hit most, published with the statistics.

The control loop walks over all entries, a bounded part each time, and publishes what it has found
when a round is complete: after some seconds with a million entries.
"""

from __future__ import annotations

from dataplane.native import abi
from dataplane.tables.lists import Lists

_BUDGET = 4096
"""Entries that one call looks at."""


class MostHit:
    """One per process; the control loop's thread calls it."""

    def __init__(self, lists: Lists, header: abi.StatsHeader) -> None:
        self._lists = lists
        self._header = header
        self._found = (abi.MostHit * abi.LIST_COUNT)()

    def turn(self) -> None:
        """Go on with the walk."""
        if not self._lists.most_hit(self._found, _BUDGET):
            return
        for found, published in zip(self._found, self._header.most_hit, strict=True):
            published.version += 1
            published.count = found.count
            published.entry[: found.count] = found.entry[: found.count]
            published.version += 1
