"""The policy that the workers read: a new one is built separately, swapped in, and freed when no
worker uses it.

Writer: the control loop. Readers: every lcore, through ``sb_node.policy``, at most for one turn of
its loop.
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
"""Time limit for workers to release the policy before the last: a turn takes microseconds."""
_ROOM_TRIES_MIN = 8
"""The workers are checked first, however long this thread has waited for its CPU."""
RETIRED_MAX = 8
"""Policies that wait for the workers; beyond that, a new one is refused after `_ROOM_S_MAX`."""


class Groups(Protocol):
    """The used part of `dataplane.waf.enforcing.groups.GroupNames`."""

    def index(self, name: str | None) -> int:
        """The index of a group that is held."""
        ...

    def hold(self, names: Collection[str]) -> None:
        """Assign an index to each group; InvalidInputError: there is no room."""
        ...

    def release(self, names: Collection[str]) -> None:
        """Release each group."""
        ...


class WafRules(Protocol):
    """The used part of `dataplane.waf.rules.Rules`."""

    @property
    def groups(self) -> Groups:
        """The groups of the rules and of the policy in force."""
        ...

    def use_profiles(self, indices: Mapping[str, int]) -> None:
        """Set the profiles of the policy that will be in force next, by name."""
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
        """Puts the default profile in force; ``rules`` are those of the node."""
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
        """Number of profiles in force with the SYN proxy."""
        self.http_count = 0
        """Number of profiles in force with HTTP inspection."""
        self.thresholds: Mapping[int, ProfileThresholds] = {}
        """Thresholds of detection, by index of the profiles in force; a new mapping for each
        policy."""
        self.apply(None)

    def apply(
        self, document: Mapping[str, Any] | None, overlays: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Put a policy document (None: the defaults) in force, with its overlays.

        Raises InvalidInputError if the document is invalid, NativeError if there is no memory or a
        worker does not release older policies; then nothing has changed.
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
        """Compiled profiles and neighbours; empty sequences stand for the defaults of C."""
        if document is None and not overlays:
            return [], []
        # Validation needs 13 MB: only a node with a policy uses them.
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
            first = table.profile(0)  # as for every profile without such a rule
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
        """Reserve indices; waits a moment until workers release the old policy and its indices."""
        end, tries = time.monotonic() + _ROOM_S_MAX, itertools.count()
        while not self._retired.has_room or (planned := self._names.plan(names)) is None:
            if next(tries) >= _ROOM_TRIES_MIN and time.monotonic() > end:
                raise NativeError("a worker does not let go of older policies", errno.EAGAIN)
            time.sleep(0.001)
            self.reclaim()
        return planned

    def reclaim(self) -> None:
        """Free policies that every worker has released; called regularly."""
        if not self._retired.reclaim():
            self._names.release()

    def close(self) -> None:
        """Free everything after the workers have stopped; may be called again."""
        self._node.policy = 0
        self._retired.close()
        if self._table:
            self._table.close()
            self._table = None

    @property
    def retired_count(self) -> int:
        """Policies that a worker may still read."""
        return self._retired.count
