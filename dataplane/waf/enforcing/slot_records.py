"""Rules in the form of the native slots: deadlines on the boot clock, profiles and headers by
number.

The profiles change with the policy. During a change a rule applies to the profiles of both
policies, so that it covers the packets of both.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Mapping
from typing import Final

from dataplane.base.clock import MS_PER_DS, Clock, Deadline
from dataplane.native import abi
from dataplane.tables.waf_table import header_name
from dataplane.waf.document import SEVERITIES, Rule
from dataplane.waf.enforcing.groups import GroupNames

_ACTIONS: Final = {"log": abi.WafAction.LOG, "block": abi.WafAction.BLOCK}
_SEVERITIES: Final = {name: abi.Severity[name.upper()] for name in SEVERITIES}
_BOTH_POLICIES_S = 1.0
_HEADER = "header:"


class SlotRecords:
    """Converts rules; stores the profiles of the policy. ``groups``: those of the rules
    are held."""

    def __init__(self, library: ctypes.CDLL, clock: Clock, groups: GroupNames) -> None:
        self._library = library
        self._clock = clock
        self._groups = groups
        self._profiles: Mapping[str, int] = {}
        self._before: Mapping[str, int] = {}
        self._forget_at = 0.0

    def use_profiles(self, indices: Mapping[str, int]) -> None:
        """Set the profiles of a policy that will be in force soon."""
        self._before, self._profiles = self._profiles, dict(indices)
        self._forget_at = time.monotonic() + _BOTH_POLICIES_S

    @property
    def is_over(self) -> bool:
        """Whether the former policy is no longer used, and should be forgotten."""
        return bool(self._forget_at) and time.monotonic() >= self._forget_at

    def forget_before(self) -> None:
        """Use only the profiles of the newer policy from now on."""
        self._before, self._forget_at = {}, 0.0

    def record(self, rule: Rule, slot: int) -> abi.WafRule:
        """The record of a slot for a rule."""
        made = abi.WafRule(
            number=rule.number,
            slot=slot,
            deadline_ds=self._deadline_ds(rule.deadline),
            action=_ACTIONS[rule.action],
            is_enabled=rule.enabled,
            is_listed=bool(rule.profiles),
            group=self._groups.index(rule.group),
            severity=_SEVERITIES[rule.severity],
        )
        names = [one.removeprefix(_HEADER) for one in rule.targets if one.startswith(_HEADER)]
        made.name_count = len(names)
        made.name[: len(names)] = [header_name(self._library, name) for name in names]
        if rule.profiles:
            indices = self.indices(rule.profiles)
            made.profile_count = len(indices)
            made.profile[: len(indices)] = [*sorted(indices)]
        return made

    def indices(self, profiles: tuple[str, ...]) -> frozenset[int]:
        """Indices of the named profiles that exist in either policy."""
        both = (self._profiles, self._before)
        return frozenset(known[name] for name in profiles for known in both if name in known)

    def _deadline_ds(self, deadline: Deadline | None) -> int:
        if deadline is None:
            return abi.DEADLINE_NEVER
        end_ms = deadline.boot_ms
        if deadline.boot_id != self._clock.boot_id():
            end_ms = self._clock.boot_ms() + deadline.remaining_ms(self._clock)
        if end_ms <= self._clock.boot_ms():
            return 0
        return min(-(-end_ms // MS_PER_DS), abi.DEADLINE_NEVER - 1)
