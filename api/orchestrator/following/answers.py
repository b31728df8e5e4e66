"""A cache of answers that many nodes get: the JSON text is made once in each worker."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

from pydantic import BaseModel

BYTES_MAX = 8 << 20
"""Limit of all cached answers together."""


class Answers:
    """The most recent answers. A body's first field is ``at``; the cached text leaves it out."""

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._bytes = 0

    def get(self, key: tuple[object, ...], make: Callable[[], BaseModel]) -> bytes:
        """The rest of an answer's JSON; while one thread makes it, the others wait."""
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                found = make().model_dump_json(exclude={"at"})[1:].encode() + b"\n"
                self._keep(key, found)
            self._kept.move_to_end(key)
        return found

    def _keep(self, key: tuple[object, ...], found: bytes) -> None:
        self._kept[key] = found
        self._bytes += len(found)
        while self._bytes > self._bytes_max and len(self._kept) > 1:
            self._bytes -= len(self._kept.popitem(last=False)[1])
