"""The policy that the workers read: built beside, swapped, freed when nobody looks any more.

Writer: the control loop. Readers: every lcore, through ``sb_node.policy``, for one turn of its loop
at most.
"""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dataplane.abi import SynProxy
from dataplane.errors import NativeError
from dataplane.policy_table import KEY_BYTES, PolicyTable
from dataplane.profile_names import DEFAULT, ProfileNames
from dataplane.retired import Retired
from dataplane.workers import Workers

if TYPE_CHECKING:
    from dataplane.policy import CompiledProfile

_ROOM_S_MAX = 0.05
"""For workers to let go of the policy before the last: they turn in microseconds."""


class Profiles:
    """Owns the policy in force and those that a worker may still read; outlives the workers."""

    def __init__(self, library: ctypes.CDLL, workers: Workers, names: ProfileNames) -> None:
        """The default profile is in force from here on."""
        self._library = library
        self._workers = workers
        self._names = names
        self._salt_key = os.urandom(KEY_BYTES)
        self._table: PolicyTable | None = None
        self._retired = Retired(workers)
        self.uses_countries = False
        """Whether a profile in force blocks or allows countries."""
        self.syn_proxy_count = 0
        """How many profiles in force have the SYN proxy."""
        self.apply(None)

    def apply(self, document: Mapping[str, Any] | None) -> None:
        """Put a policy document in force; None: the defaults.

        Raises InvalidInputError when the document is none, NativeError when there is no memory or
        a worker does not let go of older policies; then nothing has changed.
        """
        profiles = [] if document is None else self._compile(document)
        names = [profile.name for profile in profiles] or [DEFAULT]
        planned = self._plan(names)
        table = PolicyTable(self._library, sum(len(profile.targets) for profile in profiles))
        self._fill(table, profiles, planned)
        table.build(self._salt_key)
        self._names.take(planned)
        old, self._table = self._table, table
        self._workers.node.policy = table.address
        self.uses_countries = any(profile.countries for profile in profiles)
        self.syn_proxy_count = sum(profile.syn is not SynProxy.OFF for profile in profiles)
        if old:
            self._retired.add(old)
        self.reclaim()

    def _compile(self, document: Mapping[str, Any]) -> Sequence[CompiledProfile]:
        # What validates it takes 13 MB: only who has a policy pays for that.
        from dataplane.policy import compile_policy, parse_policy  # noqa: PLC0415

        return compile_policy(parse_policy(document), self._workers.lcore_count)

    def _fill(
        self, table: PolicyTable, profiles: Sequence[CompiledProfile], planned: Mapping[str, int]
    ) -> None:
        if not profiles:
            return
        from dataplane.policy import fill_profile  # noqa: PLC0415 - see _compile

        for profile in profiles:
            index = planned[profile.name]
            fill_profile(table.add(index), profile)
            for target in profile.targets:
                table.target(target.key, target.prefix_length, index)

    def _plan(self, names: Sequence[str]) -> dict[str, int]:
        """Waits a moment for indices that workers may still count under."""
        end = time.monotonic() + _ROOM_S_MAX
        while (planned := self._names.plan(names)) is None:
            if time.monotonic() > end:
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
        self._workers.node.policy = 0
        self._retired.close()
        if self._table:
            self._table.close()
            self._table = None

    @property
    def retired_count(self) -> int:
        """Policies that a worker may still read."""
        return self._retired.count
