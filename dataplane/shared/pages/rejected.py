"""Reads from the statistics header the changes that the data plane could not apply."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator

from dataplane.base.networks import KEY_BITS, Network
from dataplane.native import abi
from dataplane.shared import stats
from dataplane.statelog.changes import ListName

_HEADER = abi.StatsHeader
_REJECTED = abi.Rejected
_LISTS: tuple[ListName, ...] = ("blacklist", "allowlist")
"""Names by `abi.ListKind`."""
_ERRNO_MAX = (1 << 31) - 1
_ERRORS = {errno.ENOSPC: "the table is full", errno.ENOMEM: "no memory"}


def read_rejected(count: int, content: memoryview) -> Iterator[stats.Rejected]:
    """The newest of ``count`` rejections, except one that the writer may be about to overwrite."""
    size = ctypes.sizeof(_REJECTED)
    for number in range(max(0, count - abi.REJECTED_MAX + 1), count):
        slot = number % abi.REJECTED_MAX
        offset = _HEADER.rejected.offset + slot * size  # type: ignore[attr-defined]
        yield _rejection(_REJECTED.from_buffer_copy(bytes(content[offset : offset + size])))


def _rejection(slot: abi.Rejected) -> stats.Rejected:
    known = _ERRORS.get(slot.error) or os.strerror(min(slot.error, _ERRNO_MAX))
    why = bytes(slot.text).rstrip(b"\0").decode(errors="ignore") or known
    if slot.kind == abi.RejectedKind.ENTRY and slot.list < abi.LIST_COUNT:
        name = _LISTS[slot.list]
        network = Network(bytes(slot.key), min(slot.prefix_length, KEY_BITS))
        return stats.RejectedEntry(slot.revision, why, name, network)
    if slot.kind == abi.RejectedKind.RULE:
        return stats.RejectedRule(slot.revision, why, slot.rule)
    what = abi.RejectedKind(slot.kind).name.lower() if slot.kind < abi.REJECTED_COUNT else "unknown"
    return stats.RejectedWhole(slot.revision, why, what)
