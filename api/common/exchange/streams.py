"""Answers without an end, and the limit of their number.

The server reads streams in turns, in a separate thread; they occupy no thread that answers requests
(`api.serving.bodies.streaming`). With a plain WSGI server, as in tests, a stream has the data that
is available at once, and then ends.
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
    """The stream has ended: the client may not read any longer."""


@dataclass
class Stream:
    """The stream of one client."""

    take: Callable[[], bytes]
    """Data since the last call, at most some tens of KiB; empty: none. May wait for a database, so
    do not call it in an event loop. Raises `StreamEndedError`."""
    beat: Callable[[], bytes]
    """Data to send at the beginning, and after some time without data; does not block."""
    release: Callable[[], None]
    """Called once, at the end."""
    _is_closed: bool = field(default=False, init=False)

    def close(self) -> None:
        """Release its place; idempotent, and never called by two threads at a time."""
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
    """The open streams; safe for several threads."""

    def __init__(self, total: int = STREAMS_MAX, of_key: int = STREAMS_OF_KEY_MAX) -> None:
        self._total = total
        self._of_key = of_key
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def take(self, key_id: str, key_name: str) -> Callable[[], None]:
        """Take a place for a stream of that key; call the returned function once to release it.

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
        """Number of open streams."""
        with self._lock:
            return self._taken.total()

    def _give_back(self, key_id: str) -> None:
        with self._lock:
            self._taken[key_id] -= 1
            self._taken += Counter()  # removes keys without a stream


def _full(what: str) -> UnavailableError:
    return UnavailableError(f"{what}, the most at once", retry_after_s=_RETRY_AFTER_S)
