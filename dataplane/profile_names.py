"""Which profile counts under which index: a name keeps its index from policy to policy.

Written by the control loop, onto the statistics pages, where clients read it. An index is free
again when its name has gone and no worker can count under it any more; what it had counted is then
added to ``profile_removed``, so that no sum ever goes back.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from dataplane import abi

DEFAULT = "default"
"""The name of index 0."""


class ProfileNames:
    """Not for several threads. ``pages``: the workers' statistics."""

    def __init__(self, header: abi.StatsHeader, pages: Sequence[abi.LcoreStats]) -> None:
        self._header = header
        self._pages = pages
        self._index: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._free = list(range(abi.PROFILES_MAX - 1, -1, -1))
        self.take([DEFAULT])

    def has_room(self, names: Sequence[str]) -> bool:
        """Whether each name has an index or can be given one now."""
        known = self._index.keys() | self._gone.keys()
        return sum(name not in known for name in names) <= len(self._free)

    def take(self, names: Sequence[str]) -> list[int]:
        """The indices of these names, which are all from now on; there is room for them."""
        known, wanted = {**self._gone, **self._index}, set(names)
        self._gone = {name: index for name, index in known.items() if name not in wanted}
        self._header.profile_version += 1
        self._index = {name: known[name] if name in known else self._give(name) for name in names}
        self._header.profile_count = max(self._header.profile_count, 1 + max(self._index.values()))
        self._header.profile_version += 1
        return list(self._index.values())

    def _give(self, name: str) -> int:
        index = self._free.pop()
        _write(self._header.profile_label[index], name)
        return index

    def release(self) -> None:
        """No worker has an older policy any more: the indices of names that have gone are free."""
        if not self._gone:
            return
        self._header.profile_version += 1
        for index in self._gone.values():
            self._move_counters(index)
            _write(self._header.profile_label[index], "")
            self._free.append(index)
        self._gone = {}
        self._header.profile_version += 1

    def _move_counters(self, index: int) -> None:
        removed = self._header.profile_removed
        for page in self._pages:
            counted = page.profile[index]
            if not any(bytes(counted)):
                continue
            for total, modes in zip(removed.count, counted.count, strict=True):
                for mode, packets in enumerate(modes):
                    total[mode] += packets
            ctypes.memset(ctypes.addressof(counted), 0, ctypes.sizeof(counted))


def _write(label: abi.ProfileLabel, name: str) -> None:
    label.name[:] = list(name.encode().ljust(abi.PROFILE_NAME, b"\0"))
