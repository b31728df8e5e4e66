"""Reads the most hit entries of the lists from the statistics pages. Reads only, never writes."""

from __future__ import annotations

import ctypes

from dataplane.base.networks import Network
from dataplane.native import abi

_TRIES_MAX = 8
_FIRST: int = abi.StatsHeader.most_hit.offset  # type: ignore[attr-defined]
_BYTES = ctypes.sizeof(abi.MostHit)


def read_most_hit(view: memoryview, kind: abi.ListKind) -> list[Network]:
    """Networks of a list, the most hit first.

    A page that changes during a read is read again, a few times: a write takes moments.
    """
    offset = _FIRST + kind * _BYTES
    found = abi.MostHit()
    for _ in range(_TRIES_MAX):
        found = abi.MostHit.from_buffer_copy(view[offset : offset + _BYTES])
        version = int.from_bytes(view[offset : offset + 8], "little")
        if found.version == version and version % 2 == 0:
            break
    count = min(found.count, abi.MOST_HIT_MAX)
    entries = found.entry[:count]
    return list(dict.fromkeys(Network(bytes(each.key), each.prefix_length) for each in entries))
