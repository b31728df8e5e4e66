"""The index of each group of WAF rules, for rules, policies and metrics.

The control loop writes the names to the statistics pages, where clients read them. A name keeps its
index while a rule or the policy uses it. An index is reused only some time after that: a request
under inspection, or a policy that a worker still reads, may use it.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Collection, Sequence

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi

REST_S = 120.0
"""Longer than the inspection of any request, and than any worker keeps an old policy."""
NONE = 0
"""The index of rules that have no group."""


class GroupNames:
    """Not for several threads. ``pages``: the workers' statistics."""

    def __init__(self, header: abi.StatsHeader, pages: Sequence[abi.LcoreStats]) -> None:
        self._header = header
        self._counts = [page.rule_group for page in pages]
        self._index: dict[str, int] = {}
        self._users: dict[str, int] = {}
        self._resting: dict[str, float] = {}
        """Time until an index may be reused; the oldest first."""
        self._free = deque(range(NONE + 1, abi.RULE_GROUPS_MAX))
        header.rule_group_count = NONE + 1

    def index(self, name: str | None) -> int:
        """The index of a name that is held; `NONE` for no name."""
        return NONE if name is None else self._index[name]

    def hold(self, names: Collection[str]) -> None:
        """Assign an index to each name until `release`; InvalidInputError: no room, and nothing is
        held.

        A name may be held several times.
        """
        new = [name for name in names if name not in self._index]
        if len(new) > len(self._free):
            self._reclaim(frozenset(names))
        if len(new) > len(self._free):
            limit = abi.RULE_GROUPS_MAX - 1
            text = f"group {new[0]!r}: {len(self._index)} groups are, or were until now, in use"
            raise InvalidInputError(
                f"{text}, the limit is {limit}", field="group", value=new[0], limit=str(limit)
            )
        for name in new:
            self._give(name)
        for name in names:
            self._users[name] = self._users.get(name, 0) + 1
            self._resting.pop(name, None)

    def release(self, names: Collection[str]) -> None:
        """Release each name once."""
        for name in names:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name]
                self._resting[name] = time.monotonic() + REST_S

    def _reclaim(self, kept: frozenset[str]) -> None:
        """Free the indices of names whose waiting time is over."""
        now = time.monotonic()
        for name in [one for one, end in self._resting.items() if end <= now and one not in kept]:
            del self._resting[name]
            index = self._index.pop(name)
            self._write(index, "")
            self._free.append(index)

    def _give(self, name: str) -> None:
        index = self._index[name] = self._free.popleft()
        # No worker counts with it: nothing in use has had it for long.
        for counts in self._counts:
            ctypes.memset(ctypes.addressof(counts[index]), 0, ctypes.sizeof(counts[index]))
        self._write(index, name)
        self._header.rule_group_count = max(self._header.rule_group_count, index + 1)

    def _write(self, index: int, name: str) -> None:
        """Clients read these like the profiles' names and counters: see there."""
        self._header.profile_version += 1
        label = self._header.rule_group_label[index]
        label.name[:] = list(name.encode().ljust(abi.RULE_GROUP_NAME, b"\0"))
        self._header.profile_version += 1
