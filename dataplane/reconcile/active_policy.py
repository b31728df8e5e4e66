"""The policy that the workers read: built beside, swapped, freed when nobody looks any more.

Writer: the control loop. Readers: every lcore, through ``sb_node.policy``, for one turn of its loop
at most.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import time
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from dataplane.base.errors import NativeError
from dataplane.detection.thresholds import DEFAULT as DEFAULT_THRESHOLDS
from dataplane.detection.thresholds import ProfileThresholds
from dataplane.native import abi
from dataplane.native.abi import SynProxy
from dataplane.shared.profile_names import DEFAULT, ProfileNames
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable
from dataplane.tables.retired import Retired

if TYPE_CHECKING:
    from dataplane.policy import CompiledNeighbor, CompiledProfile

_ROOM_S_MAX = 0.05
"""For workers to let go of the policy before the last: they turn in microseconds."""
_ROOM_TRIES_MIN = 8
"""Looks at them first, however long this thread had to wait for its CPU in between."""
RETIRED_MAX = 8
"""Policies that wait for the workers; with so many, a new one is refused after `_ROOM_S_MAX`."""


class Groups(Protocol):
    """What is needed of `dataplane.waf.enforcing.groups.GroupNames`."""

    def index(self, name: str | None) -> int:
        """Of a group that is held."""
        ...

    def hold(self, names: Collection[str]) -> None:
        """Gives each an index; InvalidInputError: there is no room."""
        ...

    def release(self, names: Collection[str]) -> None:
        """Lets go of each."""
        ...


class WafRules(Protocol):
    """What is needed of `dataplane.waf.rules.Rules`."""

    @property
    def groups(self) -> Groups:
        """Those of the rules and of the policy in force."""
        ...

    def use_profiles(self, indices: Mapping[str, int]) -> None:
        """These are the profiles of the policy that is about to be in force, by name."""
        ...


class ActivePolicy:
    """Owns the policy in force and those that a worker may still read; outlives the workers."""

    def __init__(
        self,
        library: ctypes.CDLL,
        node: abi.Node,
        names: ProfileNames,
        rules: WafRules,
    ) -> None:
        """The default profile is in force from here on; ``rules`` are those of the node."""
        self._library = library
        self._node = node
        self._names = names
        self._rules = rules
        self._groups: Collection[str] = ()
        self._salt_key = os.urandom(KEY_BYTES)
        self._table: PolicyTable | None = None
        self._retired = Retired(library, ctypes.addressof(node.readers), RETIRED_MAX)
        self.uses_countries = False
        """Whether a profile in force blocks or allows countries."""
        self.syn_proxy_count = 0
        """How many profiles in force have the SYN proxy."""
        self.http_count = 0
        """How many have HTTP inspected."""
        self.thresholds: Mapping[int, ProfileThresholds] = {}
        """What detection goes by, by index of the profiles in force; another one with each
        policy."""
        self.apply(None)

    def apply(
        self, document: Mapping[str, Any] | None, overlays: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Put a policy document in force, None: the defaults, with what is laid over it.

        Raises InvalidInputError when the document is none, NativeError when there is no memory or
        a worker does not let go of older policies; then nothing has changed.
        """
        profiles, neighbors = self._compile(document, overlays)
        names = [profile.name for profile in profiles] or [DEFAULT]
        planned = self._plan(names)
        groups = frozenset(name for profile in profiles for name in profile.groups)
        self._rules.groups.hold(groups)
        try:
            table = self._make(profiles, neighbors, planned)
        except BaseException:
            self._rules.groups.release(groups)
            raise
        self._names.take(planned)
        self._rules.use_profiles(planned)
        self._rules.groups.release(self._groups)
        old, self._table, self._groups = self._table, table, groups
        self._node.policy = table.address
        self.uses_countries = any(profile.needs_countries for profile in profiles)
        proxied = [profile.syn is not SynProxy.OFF for profile in profiles]
        self.syn_proxy_count = sum(proxied) if proxied else 1
        self.http_count = sum(profile.http is not None for profile in profiles)
        found = {profile.name: profile.thresholds for profile in profiles}
        self.thresholds = {
            index: ProfileThresholds(name, found.get(name, DEFAULT_THRESHOLDS))
            for name, index in planned.items()
        }
        if old:
            self._retired.add(old)
        self.reclaim()

    def _compile(
        self, document: Mapping[str, Any] | None, overlays: Sequence[Mapping[str, Any]]
    ) -> tuple[Sequence[CompiledProfile], Sequence[CompiledNeighbor]]:
        """None of either where the defaults of C are meant."""
        if document is None and not overlays:
            return [], []
        # What validates it takes 13 MB: only who has a policy pays for that.
        from dataplane.policy import (  # noqa: PLC0415
            DEFAULT_PROFILE,
            compile_neighbors,
            compile_policy,
            lay_over,
            parse_overlay,
            parse_policy,
        )

        policy = parse_policy({"name": DEFAULT_PROFILE} if document is None else document)
        profiles = compile_policy(policy, self._node.lcore_count)
        lay_over(profiles, map(parse_overlay, overlays))
        return profiles, compile_neighbors(policy.neighbors)

    def _make(
        self,
        profiles: Sequence[CompiledProfile],
        neighbors: Sequence[CompiledNeighbor],
        planned: Mapping[str, int],
    ) -> PolicyTable:
        table = PolicyTable(self._library, sum(len(profile.targets) for profile in profiles))
        self._fill(table, profiles, planned)
        for neighbor in neighbors:
            table.neighbor(*neighbor.network, neighbor.protocols)
        table.build(self._salt_key)
        return table

    def _fill(
        self, table: PolicyTable, profiles: Sequence[CompiledProfile], planned: Mapping[str, int]
    ) -> None:
        if not profiles:
            first = table.profile(0)  # as of every profile that says nothing of it
            first.syn_proxy = SynProxy.AUTO
            first.syn_rate = max(1, abi.SYN_RATE_DEFAULT // self._node.lcore_count)
            return
        from dataplane.policy import fill_profile  # noqa: PLC0415 - see _compile

        for profile in profiles:
            index = planned[profile.name]
            groups = {name: self._rules.groups.index(name) for name in profile.groups}
            fill_profile(table.add(index), profile, groups)
            for target in profile.targets:
                table.target(target.key, target.prefix_length, index)

    def _plan(self, names: Sequence[str]) -> dict[str, int]:
        """Waits a moment for room: for the old policy, for indices that workers may count under."""
        end, tries = time.monotonic() + _ROOM_S_MAX, itertools.count()
        while not self._retired.has_room or (planned := self._names.plan(names)) is None:
            if next(tries) >= _ROOM_TRIES_MIN and time.monotonic() > end:
                raise NativeError("a worker does not let go of older policies", errno.EAGAIN)
            time.sleep(0.001)
            self.reclaim()
        return planned

    def reclaim(self) -> None:
        """Free what every reader has let go of since; called now and then."""
        if not self._retired.reclaim():
            self._names.release()

    def close(self) -> None:
        """Free everything, once no worker runs any more; may be called again."""
        self._node.policy = 0
        self._retired.close()
        if self._table:
            self._table.close()
            self._table = None

    @property
    def retired_count(self) -> int:
        """Policies that a worker may still read."""
        return self._retired.count
