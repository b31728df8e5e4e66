"""The index of each profile's counters: a name keeps its index over changes of the policy.

The control loop writes the names to the statistics pages, where clients read them. An index is free
again when its name is gone and no worker can count with it any more; its counts are then added to
``profile_removed``, so that no sum ever decreases.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence

from dataplane.native import abi

DEFAULT = "default"
"""The name with index 0."""


class ProfileNames:
    """Not for several threads. ``pages``: the workers' statistics."""

    def __init__(self, header: abi.StatsHeader, pages: Sequence[abi.LcoreStats]) -> None:
        self._header = header
        self._pages = pages
        self._index: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._free = list(range(abi.PROFILES_MAX - 1, -1, -1))
        self.take({DEFAULT: self._free[-1]})

    def plan(self, names: Sequence[str]) -> dict[str, int] | None:
        """The index of each of these names if they replaced all others; None: there is
        no room now."""
        known = {**self._gone, **self._index}
        new = [name for name in names if name not in known]
        if len(new) > len(self._free):
            return None
        given = dict(zip(new, reversed(self._free), strict=False))
        return {name: known[name] if name in known else given[name] for name in names}

    def take(self, planned: dict[str, int]) -> None:
        """Use these names from now on, as planned just before."""
        known = {**self._gone, **self._index}
        self._gone = {name: index for name, index in known.items() if name not in planned}
        self._index = planned
        self._header.profile_version += 1
        for name, index in planned.items():
            if name not in known:
                self._free.remove(index)
                _write(self._header.profile_label[index], name)
        count = 1 + max(planned.values())
        self._header.profile_count = max(self._header.profile_count, count)
        self._header.profile_version += 1

    def release(self) -> None:
        """No worker has an older policy any more: free the indices of removed names."""
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
