"""The lock that serialises the writers of one process.

Bulk work gives way to a waiting request: a ban waits for one chunk of an import, never for the
whole import.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class WriteLock:
    """Exclusive; a bulk writer gets it only when no other writer is waiting."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._held = False
        self._waiting = 0

    @contextmanager
    def hold(self, *, bulk: bool = False) -> Iterator[None]:
        """Hold it for the block; not re-entrant."""
        with self._condition:
            if bulk:
                self._condition.wait_for(lambda: not self._held and not self._waiting)
            else:
                self._waiting += 1
                try:
                    self._condition.wait_for(lambda: not self._held)
                finally:
                    self._waiting -= 1
            self._held = True
        try:
            yield
        finally:
            with self._condition:
                self._held = False
                self._condition.notify_all()
