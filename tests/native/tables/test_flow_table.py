"""The flow table: how much it holds, who gives way when it is full, and what is swept."""

from __future__ import annotations

import ctypes
import errno
import struct
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from dataplane.base.errors import NativeError
from dataplane.base.settings import ConnectionCapacities, ConnectionTimeouts
from dataplane.native import abi
from dataplane.native.abi import BURST_MAX, FLOW_UNPROVEN_DS_MAX, Reason, Verdict
from dataplane.tables.connection_table import FLOW_KEY_BYTES, ConnectionTable
from tests.native.connections.connections_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    RST,
    SYN,
    Pair,
    fate,
    tracking,
)
from tests.native.harness import Frame, Harness

FEW = ConnectionCapacities(connections_max=64)
SEEN_DS = 5
"""How finely it is known when one was last seen."""
PLACES = 16 * (2 + 63 // 11)


def client(number: int) -> Pair:
    return Pair(client=IPv4Address("203.0.0.0") + number // 50_000, client_port=number % 50_000 + 1)


def send(harness: Harness, sent: list[Frame]) -> None:
    for at in range(0, len(sent), BURST_MAX):
        harness.run(sent[at : at + BURST_MAX])


def establish(harness: Harness, numbers: range) -> None:
    for step in range(3):
        send(harness, [client(number).handshake()[step] for number in numbers])


def create(library: ctypes.CDLL, capacities: ConnectionCapacities) -> ConnectionTable:
    stats = abi.LcoreStats()
    table = ConnectionTable(library, capacities, bytes(FLOW_KEY_BYTES), ctypes.addressof(stats))
    table.close()
    return table


@pytest.mark.parametrize("count", [0, abi.FLOWS_MAX + 1])
def test_a_capacity_out_of_bounds_is_refused(library: ctypes.CDLL, count: int) -> None:
    with pytest.raises(NativeError) as caught:
        create(library, ConnectionCapacities(connections_max=count))
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize(
    "timeouts",
    [
        ConnectionTimeouts(closed=0),
        ConnectionTimeouts(established=86_401),
        ConnectionTimeouts(syn_sent=FLOW_UNPROVEN_DS_MAX // 10 + 1),
        ConnectionTimeouts(two_way=FLOW_UNPROVEN_DS_MAX // 10 + 1),
    ],
)
def test_times_out_of_bounds_are_refused(
    library: ctypes.CDLL, timeouts: ConnectionTimeouts
) -> None:
    with pytest.raises(NativeError):
        create(library, ConnectionCapacities(timeouts=timeouts))


def test_memory_is_what_the_documentation_says(library: ctypes.CDLL) -> None:
    stats = abi.LcoreStats()
    for count in (262_144, 1 << 20):
        capacities = ConnectionCapacities(connections_max=count)
        key = bytes(FLOW_KEY_BYTES)
        with ConnectionTable(library, capacities, key, ctypes.addressof(stats)) as table:
            assert 155 * count < table.bytes <= 170 * count


def test_as_many_as_configured_fit_and_all_are_found_again(harness: Harness) -> None:
    count = 20_000
    with tracking(harness, ConnectionCapacities(connections_max=count)):
        establish(harness, range(count))
        stats = harness.stats.connections
        assert stats.untracked + stats.evicted <= count // 1000
        assert stats.proven == stats.active >= count - count // 1000
        harness.reset_stats()
        send(harness, [client(number).tcp(OUTSIDE, ACK, 1001, 5001) for number in range(count)])
        assert harness.stats.port[OUTSIDE].dropped[Reason.OUT_OF_STATE] <= count // 1000


def test_an_unproven_one_gives_way_the_oldest_first(harness: Harness) -> None:
    with tracking(harness, FEW):
        stats = harness.stats.connections
        for number in range(20 * PLACES):
            harness.time.boot_ds += SEEN_DS
            fate(harness, client(number).tcp(OUTSIDE, SYN, 1000))
            if stats.evicted >= 3 * PLACES:
                break
        assert stats.active == stats.opened - stats.evicted - stats.expired <= PLACES
        # The newest are there: their answers are followed.
        for newest in range(number - 5, number + 1):
            pair = client(newest)
            fate(harness, pair.tcp(INSIDE, SYN | ACK, 5000, 1001))
            assert fate(harness, pair.tcp(OUTSIDE, ACK, 1001, 5001)) == [Reason.NONE]


def test_a_flood_of_syns_takes_no_place_from_a_proven_one(harness: Harness) -> None:
    with tracking(harness, FEW):
        establish(harness, range(40))
        stats = harness.stats.connections
        assert stats.proven == 40
        send(harness, [client(1000 + n).tcp(OUTSIDE, SYN, n) for n in range(100 * PLACES)])
        assert stats.proven == 40
        assert stats.evicted > 90 * PLACES
        for number in range(40):
            assert fate(harness, client(number).tcp(OUTSIDE, ACK, 1001, 5001)) == [Reason.NONE]


def test_an_ended_one_gives_way_before_all_others_proven_as_it_was(harness: Harness) -> None:
    with tracking(harness, FEW):
        stats, number = harness.stats.connections, 0
        while stats.untracked == 0:  # until all places of some sets are of established ones
            syn, *rest = client(number).handshake()
            if fate(harness, syn) == [Reason.NONE]:
                fate(harness, *rest)
            number += 1
        for ended in range(number):
            fate(harness, client(ended).tcp(OUTSIDE, RST, 1001))
        # Newer ones take their places, and none of what is alive among them.
        alive = range(10_000, 10_000 + PLACES // 2)
        before = stats.evicted + stats.untracked
        establish(harness, alive)
        assert stats.evicted + stats.untracked - before < PLACES
        for one in alive:
            assert fate(harness, client(one).tcp(OUTSIDE, ACK, 1001, 5001)) == [Reason.NONE]


@pytest.mark.parametrize("kind", ["udp", "echo"])
def test_datagrams_of_one_way_take_no_place_from_a_handshake(harness: Harness, kind: str) -> None:
    """A flood of forged ones to one host; handshakes with others go on."""
    with tracking(harness, FEW):
        waiting = range(40)
        send(harness, [client(number).handshake()[0] for number in waiting])
        flood = [
            other.udp(OUTSIDE) if kind == "udp" else other.echo(OUTSIDE, reply=False)
            for other in (
                Pair(IPv4Address("192.0.2.0") + number, IPv4Address("198.51.100.99"))
                for number in range(20 * PLACES)
            )
        ]
        send(harness, flood)
        assert harness.stats.connections.evicted > 15 * PLACES
        for number in waiting:
            _, answer, last = client(number).handshake()
            assert fate(harness, answer, last) == [Reason.NONE] * 2
        assert harness.stats.connections.opened == len(waiting) + len(flood)


def test_datagrams_that_were_answered_give_way_before_a_handshake(harness: Harness) -> None:
    with tracking(harness, FEW):
        waiting = range(40)
        send(harness, [client(number).handshake()[0] for number in waiting])
        for number in range(500, 500 + 10 * PLACES):
            fate(harness, client(number).udp(OUTSIDE), client(number).udp(INSIDE))
        opened = harness.stats.connections.opened
        send(harness, [client(number).handshake()[1] for number in waiting])
        assert harness.stats.connections.opened == opened


def test_a_handshake_that_was_answered_gives_way_after_bare_syns(harness: Harness) -> None:
    with tracking(harness, FEW):
        for number in range(40):
            fate(harness, *client(number).handshake()[:2])
        harness.time.boot_ds += 10 * SEEN_DS  # it is the oldest, and stays
        send(harness, [client(1000 + n).tcp(OUTSIDE, SYN, n) for n in range(20 * PLACES)])
        opened = harness.stats.connections.opened
        for number in range(40):
            assert fate(harness, client(number).handshake()[2]) == [Reason.NONE]
        assert (harness.stats.connections.opened, harness.stats.connections.proven) == (opened, 40)


def test_a_handshake_whose_syn_lost_its_place_is_completed(harness: Harness) -> None:
    """The host's answer begins an entry, with which the client's acknowledgment is proven."""
    with tracking(harness, FEW):
        syn, answer, last = client(0).handshake()
        assert fate(harness, syn) == [Reason.NONE]
        harness.time.boot_ds += SEEN_DS
        send(harness, [client(1000 + n).tcp(OUTSIDE, SYN, n) for n in range(20 * PLACES)])
        opened = harness.stats.connections.opened
        assert fate(harness, answer, last) == [Reason.NONE] * 2
        assert harness.stats.connections.opened == opened + 1
        assert harness.stats.connections.proven == 1


def test_where_all_are_proven_a_new_one_has_its_own_reason(harness: Harness) -> None:
    with tracking(harness, FEW):
        for number in range(4 * PLACES):
            syn, *rest = client(number).handshake()
            if fate(harness, syn) == [Reason.NONE]:
                fate(harness, *rest)
        stats = harness.stats.connections
        full = harness.stats.port[OUTSIDE].dropped[Reason.CONNECTIONS_FULL]
        assert PLACES * 0.9 < stats.proven <= PLACES
        assert full == stats.untracked > 0
        established = stats.proven
        send(harness, [client(9000 + n).tcp(OUTSIDE, SYN, 1) for n in range(200)])
        assert stats.proven == established
        # What protected hosts open is not refused, only not tracked.
        assert fate(harness, replace(client(5), client_port=7).tcp(INSIDE, SYN, 1)) == [Reason.NONE]


def test_all_is_swept_within_ten_seconds_and_a_bounded_part_at_once(harness: Harness) -> None:
    capacities = ConnectionCapacities(connections_max=10_000)
    with tracking(harness, capacities) as table:
        establish(harness, range(5_000))
        stats, gone_ds = harness.stats.connections, 10 * capacities.timeouts.established
        harness.time.boot_ds += gone_ds
        table.sweep(harness.time.boot_ds)
        assert stats.active > 4_800
        sets = 2 + 9_999 // 11
        for _ in range(100):
            harness.time.boot_ds += 1
            for _ in range(-(-sets // 100 // 4) + 1):
                table.sweep(harness.time.boot_ds)
        assert (stats.active, stats.proven, stats.expired) == (0, 0, stats.opened)


def test_an_idle_worker_sweeps_too(harness: Harness) -> None:
    with tracking(harness, FEW):
        establish(harness, range(10))
        harness.time.boot_ds += 10 * FEW.timeouts.established
        arguments = ctypes.addressof(harness.lcore), ctypes.addressof(harness.time)
        harness.library.sb_pipeline_idle.argtypes = [ctypes.c_void_p] * 2
        for _ in range(10):
            harness.library.sb_pipeline_idle(*arguments)
        assert harness.stats.connections.active == 0


def fold(one: int, other: int) -> int:
    product = one * other
    return (product ^ product >> 64) & 0xFFFF_FFFF_FFFF_FFFF


def home_and_tag(pair: Pair) -> tuple[int, int]:
    """Set and tag of a pair's connection in a table of `FEW` (tables/memory/hash.h)."""
    word = [int.from_bytes(bytes(range(at, at + 8)), "little") | 1 for at in (0, 8)]
    addresses = pair.client.packed + pair.server.packed
    ports = struct.pack("!HH", pair.client_port, pair.server_port)
    hi = int.from_bytes(addresses, "little")
    lo = int.from_bytes(ports, "little") << 32 | 6 << 8 | 4
    mixed = fold(lo ^ word[0], hi ^ word[1])
    found = fold(mixed ^ word[0], 0x9E3779B97F4A7C15 ^ word[1])
    return (found & 0xFFFF_FFFF) * (PLACES // 16) >> 32, found >> 48


def test_who_has_the_tag_of_another_s_connection_is_not_taken_for_it(harness: Harness) -> None:
    mine = client(0)
    wanted = home_and_tag(mine)
    ports = range(2, 1 << 16)
    address = IPv4Address("203.0.114.1")
    other = next(
        pair
        for number in range(32)
        for pair in (Pair(client=address + number, client_port=port) for port in ports)
        if home_and_tag(pair) == wanted
    )
    with tracking(harness, FEW):
        establish(harness, range(1))
        segment = other.tcp(OUTSIDE, ACK, 1001, 5001)
        packets = harness.run([mine.tcp(OUTSIDE, ACK, 1001, 5001), segment, segment])
        dropped = [packet.verdict == Verdict.DROP for packet in packets]
        assert dropped == [False, True, True]
        assert {packet.reason for packet in packets[1:]} == {Reason.OUT_OF_STATE}
