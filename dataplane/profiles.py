"""The profiles that the workers read: built beside, swapped, freed when nobody looks any more.

Writer: the control loop. Readers: every lcore, through ``sb_node.profiles``, for one turn of its
loop at most.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from typing import Any

from dataplane import abi
from dataplane.dpdk.memory import Memory
from dataplane.workers import Workers


class Profiles:
    """Owns the arrays; ``memory`` must outlive the workers."""

    def __init__(self, library: ctypes.CDLL, memory: Memory, workers: Workers) -> None:
        """The default profile is in force from here on."""
        self._library = library
        self._memory = memory
        self._workers = workers
        self._retired: list[tuple[int, tuple[int, ...]]] = []
        self.apply(None)

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Put a policy document in force; None: the defaults.

        Raises InvalidInputError, and changes nothing, when the document is none.
        """
        fill = self._default if document is None else self._filler(document)
        profiles = self._memory.array(abi.Profile, abi.PROFILES_MAX)
        fill(profiles[0])
        node = self._workers.node
        old, node.profiles = node.profiles, ctypes.addressof(profiles)
        if old:
            self._retired.append((old, self._workers.quiescent()))
        self.reclaim()

    def _default(self, profile: abi.Profile) -> None:
        self._library.sb_profile_init(ctypes.byref(profile))

    def _filler(self, document: Mapping[str, Any]) -> Callable[[abi.Profile], None]:
        # What validates it takes 13 MB: only who has a policy pays for that.
        from dataplane.policy import fill_profile, parse_policy  # noqa: PLC0415

        policy = parse_policy(document)
        return lambda profile: fill_profile(self._library, profile, policy)

    def reclaim(self) -> None:
        """Free what every reader has let go of since; called now and then."""
        now = self._workers.quiescent()
        kept = []
        for address, before in self._retired:
            if all(count > seen for count, seen in zip(now, before, strict=False)):
                self._memory.free(address)
            else:
                kept.append((address, before))
        self._retired = kept
