"""Which group of WAF rules counts under which index: for rules, policies and metrics.

Written by the control loop, onto the statistics pages, where clients read it. A name keeps its
index while a rule or the policy has it. An index is given to another name only a while after that:
a request that is being inspected, or a policy that a worker still reads, may know it.
"""

from __future__ import annotations

import ctypes
import time
from collections import deque
from collections.abc import Collection, Sequence

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi

REST_S = 120.0
"""Longer than any request is inspected, and than any worker holds an old policy."""
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
        """Until when; the oldest first."""
        self._free = deque(range(NONE + 1, abi.RULE_GROUPS_MAX))
        header.rule_group_count = NONE + 1

    def index(self, name: str | None) -> int:
        """Of a name that is held; `NONE` of none."""
        return NONE if name is None else self._index[name]

    def hold(self, names: Collection[str]) -> None:
        """Give each an index until `release`; InvalidInputError: there is no room, nothing is held.

        May be held several times.
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
        """Let go of each, once."""
        for name in names:
            self._users[name] -= 1
            if not self._users[name]:
                del self._users[name]
                self._resting[name] = time.monotonic() + REST_S

    def _reclaim(self, kept: frozenset[str]) -> None:
        """Names that have rested make room."""
        now = time.monotonic()
        for name in [one for one, end in self._resting.items() if end <= now and one not in kept]:
            del self._resting[name]
            index = self._index.pop(name)
            self._write(index, "")
            self._free.append(index)

    def _give(self, name: str) -> None:
        index = self._index[name] = self._free.popleft()
        # No worker counts there: nothing in use has named it for long.
        for counts in self._counts:
            ctypes.memset(ctypes.addressof(counts[index]), 0, ctypes.sizeof(counts[index]))
        self._write(index, name)
        self._header.rule_group_count = max(self._header.rule_group_count, index + 1)

    def _write(self, index: int, name: str) -> None:
        """Readers of the profiles' names and counters look at these too: see there."""
        self._header.profile_version += 1
        label = self._header.rule_group_label[index]
        label.name[:] = list(name.encode().ljust(abi.RULE_GROUP_NAME, b"\0"))
        self._header.profile_version += 1
