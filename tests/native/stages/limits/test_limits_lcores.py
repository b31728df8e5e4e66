"""Limits of a node with several lcores: what a source may send, whichever of them it reaches."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6PacketTooBig

from dataplane.native.abi import Reason, Unit, Verdict
from tests.native import frames
from tests.native.harness import Frame, Harness
from tests.native.stages.limits.limits_support import SECOND, buckets, limited

LCORES = 4
BURST, RATE = 40, 10
ROUTER4, ROUTER6 = "192.0.2.254", "2001:db8:ffff::1"
Made = Callable[[int], Frame]


@pytest.fixture
def node(library: ctypes.CDLL) -> Iterator[Harness]:
    """One lcore of four, whichever a test says."""
    with Harness(library, lcores=LCORES) as made:
        yield made


@cache
def error4(number: int) -> Frame:
    """An ICMP error of one router, whose quote names one client of many."""
    quoted = frames.ip4(src=frames.SERVER4, dst=f"203.0.113.{number}") / frames.tcp()
    error = frames.ip4(src=ROUTER4, dst=frames.SERVER4) / ICMP(type=3, code=1) / quoted
    return Frame(bytes(frames.link("untagged") / error))


@cache
def error6(number: int) -> Frame:
    quoted = frames.ip6(src=frames.SERVER6, dst=f"2001:db8::{number:x}") / frames.tcp()
    error = frames.ip6(src=ROUTER6, dst=frames.SERVER6) / ICMPv6PacketTooBig() / quoted
    return Frame(bytes(frames.link("untagged") / error))


def flood(node: Harness, make: Made, at_ns: list[int]) -> int:
    """On each lcore 128 errors at each of the times that it owns by their quotes. How many pass."""
    passed = 0
    for lcore in range(LCORES):
        node.lcore.index = lcore
        mine = [
            frame
            for frame in map(make, range(1, 33))
            if node.run_one(frame).verdict != Verdict.HANDED_OVER
        ]
        with buckets(node):
            for time_ns in at_ns:
                node.time.tsc = SECOND + time_ns
                for start in range(0, 128, 32):
                    some = [mine[i % len(mine)] for i in range(start, start + 32)]
                    passed += sum(one.verdict == Verdict.PASS for one in node.run(some))
    return passed


@pytest.mark.parametrize("make", [error4, error6])
@pytest.mark.parametrize("reason", [Reason.RATE_SOURCE_PACKETS, Reason.ICMP_LIMIT])
def test_forged_quotes_give_a_source_its_limit_once(
    node: Harness, make: Made, reason: Reason
) -> None:
    """An error goes to the lcore of the client that it quotes: a router could have all of them."""
    is_icmp = reason is Reason.ICMP_LIMIT
    node.use_policy(limited(reason, rate=RATE, burst=BURST, icmp_only=is_icmp))
    assert flood(node, make, [0]) == BURST
    assert flood(node, make, [0, 2 * SECOND]) == BURST + 2 * RATE


def test_a_burst_of_less_than_there_are_lcores_has_room_on_each(node: Harness) -> None:
    """For one: what it costs is paid off before the next."""
    node.use_policy(limited(Reason.ICMP_LIMIT, rate=1, burst=1, icmp_only=1))
    assert flood(node, error4, [0]) == LCORES
    assert flood(node, error4, [0, 2 * SECOND]) == LCORES
    assert flood(node, error4, [0, 2 * SECOND, 4 * SECOND]) == 2 * LCORES


def test_bits_are_counted_alike(node: Harness) -> None:
    frame = error4(1)
    bits = 8 * len(frame.data)
    reason = Reason.RATE_SOURCE_BITS
    node.use_policy(limited(reason, rate=bits, burst=BURST * bits, unit=Unit.BITS))
    # Times are kept by the nanosecond, so the last of a burst may miss its place.
    assert BURST - LCORES <= flood(node, error4, [0]) <= BURST


def test_other_icmp_of_a_source_is_on_one_lcore_and_has_the_whole_limit(node: Harness) -> None:
    node.use_policy(limited(Reason.ICMP_LIMIT, rate=RATE, burst=BURST, icmp_only=1))
    echo = bytes(frames.link("untagged") / frames.ip4(src=ROUTER4) / ICMP(type=8))
    for lcore in range(LCORES):
        node.lcore.index = lcore
        if node.run_one(echo).verdict != Verdict.HANDED_OVER:
            break
    with buckets(node):
        passed = 0
        for _ in range(4):
            passed += sum(one.verdict == Verdict.PASS for one in node.run([echo] * 32))
    assert passed == BURST
