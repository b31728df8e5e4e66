"""The slot of each rule: the id under which its pattern is compiled, and the place of its counters.

A slot is reused only some time after the last database with it was dropped: a request under
inspection may have recorded it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence

from dataplane.native import abi

REST_S = 120.0
"""Longer than the inspection of any request, and than any worker keeps an old set."""


class Slots:
    """Written by the control loop; also updates the statistics pages."""

    def __init__(self, header: abi.StatsHeader, pages: Sequence[abi.LcoreStats]) -> None:
        self._number = header.rule_number
        self._hits = [page.rule_hits for page in pages]
        self._free = deque(range(abi.RULES_MAX))
        self._taken: set[int] = set()
        self._left: set[int] = set()
        self._resting: deque[tuple[float, int]] = deque()

    def reserve(self, slots: Collection[int]) -> None:
        """Call before any slot is taken: databases contain these slots, and only `claim` may give
        them."""
        self._left |= set(slots)
        self._free = deque(slot for slot in self._free if slot not in self._left)

    def claim(self, slot: int, number: int) -> bool:
        """Give a rule the slot that it has in a database; False: it is not available."""
        if slot not in self._left:
            return False
        self._left.discard(slot)
        self._give(slot, number)
        return True

    def take(self, number: int) -> int | None:
        """A slot for a new rule; None: there is none until databases are rebuilt."""
        if not self._free:
            return None
        slot = self._free.popleft()
        self._give(slot, number)
        return slot

    def leave(self, slots: Collection[int]) -> None:
        """Leave the slots of removed rules; databases may still contain them."""
        for slot in slots:
            self._taken.discard(slot)
            self._number[slot] = 0
        self._left |= set(slots)

    def rest(self, is_named: Callable[[int], bool], now_s: float) -> None:
        """Begin the waiting time of left slots that no database contains any more."""
        over = sorted(slot for slot in self._left if not is_named(slot))
        self._left.difference_update(over)
        self._resting.extend((now_s + REST_S, slot) for slot in over)

    def turn(self, now_s: float) -> None:
        """Free the slots whose waiting time is over."""
        while self._resting and self._resting[0][0] <= now_s:
            self._free.append(self._resting.popleft()[1])

    @property
    def free_count(self) -> int:
        """Number of free slots."""
        return len(self._free)

    def _give(self, slot: int, number: int) -> None:
        # No worker counts with it: no database in use has had it for long.
        for hits in self._hits:
            hits[slot] = 0
        self._taken.add(slot)
        self._number[slot] = number
