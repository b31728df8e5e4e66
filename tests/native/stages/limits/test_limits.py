"""Limits: what a bucket lets through, whose packets it counts, and what does not pay at all."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

import pytest

from dataplane.base.errors import NativeError
from dataplane.base.settings import LimitCapacities
from dataplane.native import abi
from dataplane.native.abi import ListKind, Mode, Port, Reason, Scope, Unit, Verdict
from dataplane.tables.limits_table import Limits
from dataplane.tables.lists import Lists, pack
from dataplane.tables.policy_table import PolicyTable
from tests.native import frames
from tests.native.frames import ICMP, Raw, ip4, ip6, link, udp
from tests.native.harness import Frame, Harness
from tests.native.stages.limits.limits_support import (
    SECOND,
    buckets,
    dropped,
    limited,
    pass_count,
    put_limit,
)

SOURCE = Reason.RATE_SOURCE_PACKETS
TAGS = ("untagged", "vlan", "qinq")


@pytest.fixture
def node(harness: Harness) -> Iterator[Harness]:
    with buckets(harness):
        yield harness


def from4(client: str, server: str = frames.SERVER4, tag: str = "untagged") -> bytes:
    return bytes(link(tag) / ip4(src=client, dst=server) / udp() / Raw(b"x" * 18))


def from6(client: str, server: str = frames.SERVER6, tag: str = "untagged") -> bytes:
    return bytes(link(tag) / ip6(src=client, dst=server) / udp() / Raw(b"x" * 18))


def passing(harness: Harness, frame: bytes | Frame, count: int = 32) -> int:
    harness.run([frame] * count)
    return pass_count(harness)


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("make", [from4, from6])
def test_a_source_may_spend_a_burst_and_then_its_rate(
    node: Harness, make: object, tag: str
) -> None:
    node.use_policy(limited(SOURCE, rate=10, burst=5))
    one, other = (
        (from4("203.0.113.1", tag=tag), from4("203.0.113.2", tag=tag))
        if make is from4
        else (from6("2001:db8::1", tag=tag), from6("2001:db8::2", tag=tag))
    )
    assert passing(node, one) == 5
    assert passing(node, one) == 0
    assert passing(node, other) == 5
    node.time.tsc += SECOND // 10
    assert passing(node, one) == 1
    node.time.tsc += 10 * SECOND
    assert passing(node, one) == 5
    assert dropped(node, SOURCE) == 27 + 32 + 27 + 31 + 27
    port = node.stats.port[Port.OUTSIDE]
    assert port.received == 5 * 32
    assert port.received - sum(port.dropped) == 5 + 0 + 5 + 1 + 5


def test_the_rest_of_a_token_is_not_lost(node: Harness) -> None:
    """A clock that moves by less than a token at a time gives as much as one that waits."""
    node.use_policy(limited(SOURCE, rate=1000, burst=2))
    frame, passed = from4("203.0.113.1"), 0
    for _ in range(300):
        node.time.tsc += 333_334
        passed += passing(node, frame, 1)
    # 100 ms by thirds of a millisecond, and what was there before.
    assert passed == 100 + 1


def test_bits_are_counted_by_the_length_on_the_wire(node: Harness) -> None:
    node.use_policy(limited(Reason.RATE_SOURCE_BITS, 8000, 8000, unit=Unit.BITS))
    frame = Frame(from4("203.0.113.1"), flags=abi.PacketFlag.CUT, length=500)
    assert passing(node, frame) == 2
    assert passing(node, from4("203.0.113.2")[:60], 32) == 8000 // (60 * 8)


def test_a_packet_larger_than_the_burst_never_passes_and_costs_nothing(node: Harness) -> None:
    node.use_policy(limited(Reason.RATE_SOURCE_BITS, 8000, 8000, unit=Unit.BITS))
    data = from4("203.0.113.1")
    huge = Frame(data, flags=abi.PacketFlag.CUT, length=0xFFFFFFFF)
    assert passing(node, huge) == 0
    assert passing(node, Frame(data, flags=abi.PacketFlag.CUT, length=1000)) == 1


def test_a_prefix_of_sources_is_counted_together(node: Harness) -> None:
    node.use_policy(
        limited(Reason.RATE_PREFIX_PACKETS, 10, 4, scope=Scope.PREFIX, bits_ipv4=24, bits_ipv6=48)
    )
    node.run([from4(f"203.0.113.{i}") for i in range(32)])
    assert pass_count(node) == 4
    node.run([from4(f"203.0.114.{i}") for i in range(32)])
    assert pass_count(node) == 4
    node.run([from6(f"2001:db8:7:{i:x}::1") for i in range(32)])
    assert pass_count(node) == 4
    node.run([from6(f"2001:db8:8:{i:x}::1") for i in range(32)])
    assert pass_count(node) == 4


def test_a_destination_is_counted_whoever_sends(node: Harness) -> None:
    reason = Reason.RATE_DESTINATION_PACKETS
    node.use_policy(limited(reason, 10, 4, scope=Scope.DESTINATION))
    node.run([from4(f"203.0.113.{i}") for i in range(32)])
    assert pass_count(node) == 4
    node.run([from4(f"203.0.113.{i}", "198.51.100.11") for i in range(32)])
    assert pass_count(node) == 4


def test_a_carpet_over_a_prefix_is_caught_by_a_destination_limit_of_that_prefix(
    node: Harness,
) -> None:
    reason = Reason.RATE_DESTINATION_PACKETS
    node.use_policy(limited(reason, 10, 4, scope=Scope.DESTINATION, bits_ipv4=24, bits_ipv6=48))
    node.run([from4(f"203.0.{i}.1", f"198.51.100.{i}") for i in range(32)])
    assert pass_count(node) == 4


def test_a_profile_has_one_bucket_for_all_that_it_protects(node: Harness) -> None:
    node.use_policy(limited(Reason.RATE_GLOBAL_PACKETS, 10, 4, scope=Scope.GLOBAL))
    mixed = [from4(f"203.0.{i}.1", f"198.51.{i}.1") for i in range(16)]
    mixed += [from6(f"2001:db8:{i}::1") for i in range(16)]
    node.run(mixed)
    assert pass_count(node) == 4
    node.time.tsc += SECOND // 10
    node.run(mixed)
    assert pass_count(node) == 1


@pytest.mark.parametrize("scope", [Scope.SOURCE, Scope.GLOBAL])
def test_an_icmp_limit_counts_icmp_alone(node: Harness, scope: Scope) -> None:
    node.use_policy(limited(Reason.ICMP_LIMIT, 10, 4, scope=scope, icmp_only=1))
    ping = bytes(link("untagged") / ip4() / ICMP() / Raw(b"ping" * 8))
    node.run([ping, from4(frames.CLIENT4)] * 16)
    assert pass_count(node) == 4 + 16
    assert dropped(node, Reason.ICMP_LIMIT) == 12


def test_profiles_count_apart(node: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        put_limit(table.profile(0), SOURCE, 10, 4)
        put_limit(table.add(1), SOURCE, 10, 9)
        table.target(bytes(10) + b"\xff\xff\xc6\x33\x64\x0b", 128, 1)  # 198.51.100.11

    node.use_policy(fill)
    default, other = from4("203.0.113.1"), from4("203.0.113.1", "198.51.100.11")
    node.run([default, other] * 16)
    assert pass_count(node) == 4 + 9
    assert node.stats.profile[1].count[SOURCE][Mode.ENFORCE] == 7


def test_a_bucket_survives_another_policy_and_never_holds_more_than_the_new_burst(
    node: Harness,
) -> None:
    frame = from4("203.0.113.1")
    node.use_policy(limited(SOURCE, rate=1, burst=30))
    assert passing(node, frame) == 30
    node.use_policy(limited(SOURCE, rate=10, burst=5))
    assert passing(node, frame) == 0
    node.time.tsc += SECOND // 10
    assert passing(node, frame) == 1


def test_who_fails_one_limit_pays_nothing_into_the_next(node: Harness) -> None:
    def fill(table: PolicyTable) -> None:
        put_limit(table.profile(0), SOURCE, 10, 2)
        put_limit(table.profile(0), Reason.RATE_GLOBAL_PACKETS, 10, 10, scope=Scope.GLOBAL)

    node.use_policy(fill)
    assert passing(node, from4("203.0.113.1")) == 2
    node.run([from4(f"203.0.113.{i}") for i in range(2, 34)])
    assert pass_count(node) == 8


def test_monitor_drops_nothing_and_counts_what_enforcing_would_drop(node: Harness) -> None:
    node.use_policy(limited(SOURCE, rate=10, burst=5))
    node.set_mode(SOURCE, Mode.MONITOR)
    sent = [from4(f"203.0.113.{i % 3}") for i in range(32)]
    for packet, data in zip(node.run(sent), sent, strict=True):
        assert Verdict(packet.verdict) is Verdict.PASS
        assert node.bytes_of(packet) == data
    assert dropped(node, SOURCE, Mode.MONITOR) == 32 - 15
    node.set_mode(SOURCE, Mode.ENFORCE)
    assert passing(node, from4("203.0.113.1")) == 0, "the tokens were spent"


def test_a_limit_that_is_off_is_not_paid(node: Harness) -> None:
    node.use_policy(limited(SOURCE, rate=10, burst=5))
    node.set_mode(SOURCE, Mode.OFF)
    assert passing(node, from4("203.0.113.1")) == 32
    node.set_mode(SOURCE, Mode.ENFORCE)
    assert passing(node, from4("203.0.113.1")) == 5


def test_neither_the_allowlist_nor_the_inside_pays(node: Harness) -> None:
    node.use_policy(limited(Reason.RATE_GLOBAL_PACKETS, 10, 1, scope=Scope.GLOBAL))
    frame = from4("203.0.113.1")
    assert passing(node, Frame(frame, Port.INSIDE)) == 32
    with Lists(node.library, 64, 64, 1, bytes(range(16))) as lists:
        client = bytes(10) + b"\xff\xff\xcb\x00\x71\x01"
        lists.put(pack([(client, 128, ListKind.ALLOWLIST, abi.DEADLINE_NEVER)]))
        node.node.lists = lists.address
        assert passing(node, frame) == 32
        node.node.lists = 0
    assert passing(node, frame) == 1


def test_an_ipv4_client_in_an_ipv6_packet_pays_as_that_client(node: Harness) -> None:
    node.use_policy(limited(SOURCE, rate=10, burst=5))
    assert passing(node, from4("203.0.113.1")) == 5
    assert passing(node, from6("::ffff:203.0.113.1")) == 0


def test_without_buckets_nothing_is_limited(harness: Harness) -> None:
    harness.use_policy(limited(SOURCE, rate=10, burst=1))
    assert passing(harness, from4("203.0.113.1")) == 32


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("size", [0, (1 << 24) + 1])
def test_a_table_of_no_size_is_refused(library: ctypes.CDLL, at: int, size: int) -> None:
    sizes = [7, 7, 7]
    sizes[at] = size
    with pytest.raises(NativeError, match="Invalid argument"):
        Limits(library, LimitCapacities(*sizes), bytes(16))


class BucketTable(ctypes.Structure):
    """``struct sb_buckets`` behind the hash key of ``struct sb_limits``: that of sources."""

    _fields_ = [("hash_key", ctypes.c_uint64 * 2), ("sets", ctypes.c_uint64)]


def test_sources_of_one_set_do_not_drive_each_other_out(harness: Harness) -> None:
    """Seven have room; one more takes the place of the one that was seen longest ago."""
    with buckets(harness, LimitCapacities(7, 7, 7)) as limits:
        harness.use_policy(limited(SOURCE, rate=10, burst=5))
        sets = BucketTable.from_address(limits.address).sets
        tags = []
        for last in range(1, 9):
            passing(harness, from4(f"203.0.113.{last}"), 1)
            harness.time.tsc += SECOND  # so all of them are full again
            tags.append({*ctypes.string_at(sets + 56, 7)} - {0})
    assert [len(seen) for seen in tags] == [1, 2, 3, 4, 5, 6, 7, 7]
    assert len(tags[-2] - tags[-1]) == 1
    assert tags[0].isdisjoint(tags[-1])
