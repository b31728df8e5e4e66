"""What the workers may still read after it was replaced: kept until every one of them has gone on.

Written and read by the control loop. A worker holds no pointer of the node's from one turn of its
loop to the next (``readers.h``).
"""

from __future__ import annotations

from typing import Protocol

from dataplane.workers import Workers


class Table(Protocol):
    """Something native that can be freed."""

    def close(self) -> None:
        """Free it."""


class Retired:
    """Tables that were replaced, each with where the workers were then."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._tables: list[tuple[Table, tuple[int, ...]]] = []

    def add(self, table: Table) -> None:
        """Free it later; the node no longer points to it."""
        self._tables.append((table, self._workers.quiescent()))

    def reclaim(self) -> int:
        """Free what every worker has let go of; how many it has not."""
        now = self._workers.quiescent()
        kept = []
        for table, before in self._tables:
            if all(count > seen for count, seen in zip(now, before, strict=False)):
                table.close()
            else:
                kept.append((table, before))
        self._tables = kept
        return len(kept)

    def close(self) -> None:
        """Free everything: no worker runs any more."""
        for table, _ in self._tables:
            table.close()
        self._tables.clear()

    @property
    def count(self) -> int:
        """Tables that a worker may still read."""
        return len(self._tables)
