"""Policies on their way into the native table, without workers."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dataplane.native import abi
from dataplane.policy import compile_neighbors, compile_policy, fill_profile, parse_policy
from dataplane.reconcile.active_policy import ActivePolicy
from dataplane.shared.profile_names import ProfileNames
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable
from dataplane.waf.no_rules import NoRules


class Lcores:
    """Workers that do not run, as far as they are asked: a node, and how far each has gone on."""

    def __init__(self, lcore_count: int = 2) -> None:
        self.node = abi.Node(lcore_count=lcore_count)
        self.node.readers.count = lcore_count

    def go_on(self, *indices: int) -> None:
        """These workers, all if none is named, let go of what they have read."""
        for index in indices or range(self.node.lcore_count):
            self.node.readers.reader[index].quiescent += 1

    def mode(self, reason: abi.Reason) -> int:
        # sb_policy begins with the address of its profiles.
        profiles = ctypes.c_uint64.from_address(self.node.policy).value
        return int(abi.Profile.from_address(profiles).mode[reason])


def built(library: ctypes.CDLL, document: dict[str, Any], lcores: int = 1) -> PolicyTable:
    """The table of a policy, as the data plane makes it."""
    policy = parse_policy(document)
    profiles = compile_policy(policy, lcores)
    table = PolicyTable(library, sum(len(profile.targets) for profile in profiles))
    names = dict.fromkeys(name for profile in profiles for name in profile.groups)
    groups = {name: index for index, name in enumerate(names, 1)}
    for index, profile in enumerate(profiles):
        fill_profile(table.add(index), profile, groups)
        for target in profile.targets:
            table.target(target.key, target.prefix_length, index)
    for neighbor in compile_neighbors(policy.neighbors):
        table.neighbor(*neighbor.network, neighbor.protocols)
    table.build(bytes(KEY_BYTES))
    return table


@contextmanager
def opened_profiles(library: ctypes.CDLL, lcores: Lcores) -> Iterator[ActivePolicy]:
    """Profiles of workers that do not run."""
    header = abi.StatsHeader()
    opened = ActivePolicy(library, lcores.node, ProfileNames(header, []), NoRules(header))
    try:
        yield opened
    finally:
        opened.close()
