"""An answer without an end, and how many of them there may be.

The server reads a stream turn by turn, in a thread of its own; none takes a thread that answers
requests (`api.serving.streaming`). Under a plain WSGI server, as in tests, a stream is what is
there when it is asked for, and then ends.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from api.common.contract.errors import UnavailableError

STREAMS_MAX = 32
STREAMS_OF_KEY_MAX = 4
_RETRY_AFTER_S = 30


class StreamEndedError(Exception):
    """There is no more to come: whoever reads may read no longer."""


@dataclass
class Stream:
    """What one client follows."""

    take: Callable[[], bytes]
    """What has come since the last call, at most some tens of KiB; empty: nothing. May wait for a
    database, so not in an event loop. Raises `StreamEndedError`."""
    beat: Callable[[], bytes]
    """What to send at first, and when nothing has come for a while; waits for nothing."""
    release: Callable[[], None]
    """Called once, at the end."""
    _is_closed: bool = field(default=False, init=False)

    def close(self) -> None:
        """Give its place back; idempotent, and never called by two threads at a time."""
        if not self._is_closed:
            self._is_closed = True
            self.release()

    def __iter__(self) -> Iterator[bytes]:
        try:
            while data := self.take():
                yield data
        finally:
            self.close()


class Places:
    """The streams that are open; safe for several threads."""

    def __init__(self, total: int = STREAMS_MAX, of_key: int = STREAMS_OF_KEY_MAX) -> None:
        self._total = total
        self._of_key = of_key
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, key_id: str, key_name: str) -> Callable[[], None]:
        """A place for a stream of that key; call what is returned, once, to give it back.

        Raises `UnavailableError` when all are taken.
        """
        with self._lock:
            if self._taken[key_id] >= self._of_key:
                raise _full(f"the key {key_name!r} has {self._of_key} streams open")
            if self._taken.total() >= self._total:
                raise _full(f"{self._total} streams are open")
            self._taken[key_id] += 1
        return lambda: self._give_back(key_id)

    @property
    def count(self) -> int:
        """How many are taken."""
        with self._lock:
            return self._taken.total()

    def _give_back(self, key_id: str) -> None:
        with self._lock:
            self._taken[key_id] -= 1
            self._taken += Counter()  # forgets keys without a stream


def _full(what: str) -> UnavailableError:
    return UnavailableError(f"{what}, the most at once", retry_after_s=_RETRY_AFTER_S)
