"""Limits for tests: what a profile gets, and a clock that tests move."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

from dataplane.base.settings import LimitCapacities
from dataplane.native import abi
from dataplane.native.abi import Reason, Scope, Unit, Use
from dataplane.tables.limits_table import Limits
from dataplane.tables.policy_table import PolicyTable
from tests.native.harness import Harness

SECOND = 10**9
SMALL = LimitCapacities(7 * 1024, 7 * 1024, 7 * 1024)


def put_limit(profile: abi.Profile, reason: Reason, rate: int, burst: int, **fields: int) -> None:
    """Give a profile a limit of ``rate`` packets or bits per second."""
    limit = profile.limit[profile.limit_count]
    limit.reason = reason
    limit.increment_q16 = (SECOND << 16) // rate
    limit.burst_q16 = limit.increment_q16 * burst
    limit.bits_ipv4, limit.bits_ipv6 = 32, 128
    for name, value in ({"scope": Scope.SOURCE, "unit": Unit.PACKETS} | fields).items():
        setattr(limit, name, value)
    profile.limit_count += 1
    profile.uses |= Use.LIMITS


def limited(reason: Reason, rate: int, burst: int, **fields: int) -> object:
    """Fills a policy whose default profile has one limit."""

    def fill(table: PolicyTable) -> None:
        put_limit(table.profile(0), reason, rate, burst, **fields)

    return fill


@contextmanager
def buckets(harness: Harness, capacities: LimitCapacities = SMALL) -> Iterator[Limits]:
    """Give a harness's lcore buckets, and a time to begin with."""
    with Limits(harness.library, capacities, bytes(range(16))) as limits:
        harness.lcore.limits = limits.address
        harness.time.tsc = SECOND
        yield limits
        harness.lcore.limits = 0


def dropped(harness: Harness, reason: Reason, mode: abi.Mode = abi.Mode.ENFORCE) -> int:
    """How often a reason has hit in the default profile."""
    return int(harness.stats.profile[0].count[reason][mode])


def pass_count(harness: Harness) -> int:
    """How many packets of the last burst have passed."""
    burst: ctypes.Array[abi.Packet] = harness.burst.packets
    return sum(one.verdict == abi.Verdict.PASS for one in burst[: harness.burst.count])
