"""Exponential back-off."""

from __future__ import annotations


class BackOff:
    """Doubles the wait with each try, up to a limit; times are of the boot clock, in ms."""

    def __init__(self, first_ms: int, max_ms: int) -> None:
        self._first_ms = first_ms
        self._max_ms = max_ms
        self._next_ms = first_ms
        self._due_ms = 0

    def left_ms(self, now_ms: int) -> int:
        """Milliseconds until the next try is allowed; 0: now."""
        return max(0, self._due_ms - now_ms)

    def tried(self, now_ms: int) -> None:
        """Record a try."""
        self._due_ms = now_ms + self._next_ms
        self._next_ms = min(2 * self._next_ms, self._max_ms)

    def reset(self) -> None:
        """Record a success: the wait is the shortest again."""
        self._due_ms, self._next_ms = 0, self._first_ms
