"""Which rule has which slot: the id that its pattern is compiled under, and where it counts.

A slot is given again only when no database names it any more, and a while after that: a request
that is being inspected may have noted it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence

from dataplane.native import abi

REST_S = 120.0
"""Longer than any request is inspected, and than any worker holds an old set."""


class Slots:
    """Written by the control loop, onto the statistics pages too."""

    def __init__(self, header: abi.StatsHeader, pages: Sequence[abi.LcoreStats]) -> None:
        self._number = header.rule_number
        self._hits = [page.rule_hits for page in pages]
        self._free = deque(range(abi.RULES_MAX))
        self._taken: set[int] = set()
        self._left: set[int] = set()
        self._resting: deque[tuple[float, int]] = deque()

    def reserve(self, slots: Collection[int]) -> None:
        """Before any is taken: databases name these; they are given by `claim` alone."""
        self._left |= set(slots)
        self._free = deque(slot for slot in self._free if slot not in self._left)

    def claim(self, slot: int, number: int) -> bool:
        """Give a rule the slot that a database has it under; False: it is not to be had."""
        if slot not in self._left:
            return False
        self._left.discard(slot)
        self._give(slot, number)
        return True

    def take(self, number: int) -> int | None:
        """A slot for a new rule; None: there is none, until databases have been built anew."""
        if not self._free:
            return None
        slot = self._free.popleft()
        self._give(slot, number)
        return slot

    def leave(self, slots: Collection[int]) -> None:
        """The rules are no more; databases may still name them."""
        for slot in slots:
            self._taken.discard(slot)
            self._number[slot] = 0
        self._left |= set(slots)

    def rest(self, is_named: Callable[[int], bool], now_s: float) -> None:
        """What was left, and is named by no database any more, may rest."""
        over = sorted(slot for slot in self._left if not is_named(slot))
        self._left.difference_update(over)
        self._resting.extend((now_s + REST_S, slot) for slot in over)

    def turn(self, now_s: float) -> None:
        """What has rested is free."""
        while self._resting and self._resting[0][0] <= now_s:
            self._free.append(self._resting.popleft()[1])

    @property
    def free_count(self) -> int:
        """That can be taken now."""
        return len(self._free)

    def _give(self, slot: int, number: int) -> None:
        # No worker counts there: no database in use has named it for long.
        for hits in self._hits:
            hits[slot] = 0
        self._taken.add(slot)
        self._number[slot] = number
