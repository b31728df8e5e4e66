"""The most hit entries of the lists, published with the statistics.

The control loop walks over all entries, a bounded number per call, and publishes the result when a
round is complete: with a million entries, every few seconds.
"""

from __future__ import annotations

from dataplane.native import abi
from dataplane.tables.lists import Lists

_BUDGET = 4096
"""Entries that one call visits."""


class MostHit:
    """One per process; called by the control loop."""

    def __init__(self, lists: Lists, header: abi.StatsHeader) -> None:
        self._lists = lists
        self._header = header
        self._found = (abi.MostHit * abi.LIST_COUNT)()

    def turn(self) -> None:
        """Continue the walk."""
        if not self._lists.most_hit(self._found, _BUDGET):
            return
        for found, published in zip(self._found, self._header.most_hit, strict=True):
            published.version += 1
            published.count = found.count
            published.entry[: found.count] = found.entry[: found.count]
            published.version += 1
