"""Replaced tables that the workers may still read: kept until every worker has moved on.

Used by the control loop only. A worker keeps no pointer of the node from one turn of its loop to
the next (``readers.h``). No other Python code waits for workers; the wait itself is ``sb_grace``,
whose memory fence Python can't express (``tables/memory/grace.h`` defines the order).
"""

from __future__ import annotations

import ctypes
from typing import Protocol

from dataplane.native import abi
from dataplane.native.native_table import declare


class Table(Protocol):
    """An object that is read by its address and can be freed."""

    def close(self) -> None:
        """Free it."""


class Retired:
    """Replaced tables, each batch with the workers' positions at that time."""

    def __init__(self, library: ctypes.CDLL, readers_address: int, count_max: int) -> None:
        """``readers_address``: of an ``abi.Readers`` that outlives this, 0: no readers.

        ``count_max``: batches that may wait; call ``has_room`` before anything is replaced.
        """
        self._library = _declare(library)
        self._readers = readers_address or None
        self._count_max = count_max
        self._batches: list[tuple[tuple[Table, ...], abi.Grace]] = []

    @property
    def has_room(self) -> bool:
        """Whether one more batch may be added; False: do not replace the present table yet."""
        return len(self._batches) < self._count_max

    def add(self, *tables: Table) -> None:
        """Free them later; call it when no pointer of the node refers to them any more."""
        if not self.has_room:
            raise ValueError(f"{self._count_max} replaced tables wait for the workers already")
        grace = abi.Grace()
        self._library.sb_grace_begin(ctypes.byref(grace), self._readers)
        self._batches.append((tables, grace))

    def reclaim(self) -> int:
        """Free batches that every worker has released; returns the number of waiting batches."""
        kept = []
        for tables, grace in self._batches:
            if self._library.sb_grace_over(ctypes.byref(grace), self._readers):
                _free(tables)
            else:
                kept.append((tables, grace))
        self._batches = kept
        return len(kept)

    def close(self) -> None:
        """Free everything after the workers have stopped. May be called again."""
        for tables, _ in self._batches:
            _free(tables)
        self._batches.clear()

    @property
    def count(self) -> int:
        """Batches that a worker may still read."""
        return len(self._batches)


def _free(tables: tuple[Table, ...]) -> None:
    for table in tables:
        table.close()


def _declare(library: ctypes.CDLL) -> ctypes.CDLL:
    pointer = ctypes.c_void_p
    return declare(
        library,
        "grace",
        ("begin", None, pointer, pointer),
        ("over", ctypes.c_bool, pointer, pointer),
    )
