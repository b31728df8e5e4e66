"""Sums over the last second, by address, prefix and profile; candidates and followed targets."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from dataplane.base.errors import NativeError
from dataplane.detection.collector import Collector
from dataplane.detection.traffic import Target
from dataplane.native import abi
from dataplane.native.abi import Mode, TrafficKind
from dataplane.tables.policy_table import PolicyTable
from dataplane.tables.traffic_table import TRAFFIC_KEY_BYTES, TrafficTable
from tests.native.connections.connections_support import OUTSIDE, SERVER, Pair
from tests.native.detection.detection_support import Node, counting, key_of
from tests.native.harness import Frame, Harness

K = TrafficKind
SERVER6 = IPv6Address("2001:db8:5::10")


@pytest.fixture
def node(harness: Harness) -> Iterator[Node]:
    with counting(harness) as made:
        yield made


def datagrams(count: int, server: IPv4Address | IPv6Address = SERVER) -> list[Frame]:
    client = type(server)(int(server) + 0x10000)
    return [Pair(client=client, server=server).udp(OUTSIDE) for _ in range(count)]


def test_a_steady_rate_is_told_exactly(node: Node) -> None:
    for _ in range(20):
        node.run(datagrams(7))
        window = node.tick()
        assert window.all.since[K.UDP] == 7
    assert window.all.window[K.UDP] == 70
    assert window.all.window.bytes == 70 * len(datagrams(1)[0].data)


def test_what_is_a_second_old_is_forgotten(node: Node) -> None:
    node.run(datagrams(9))
    rates = [node.tick().all.window[K.UDP] for _ in range(11)]
    assert rates == [9] * 10 + [0]


def test_a_collection_that_comes_late_forgets_as_much(node: Node) -> None:
    node.run(datagrams(9))
    node.tick()
    node.run(datagrams(5))
    assert node.tick(950).all.window[K.UDP] == 14
    assert node.tick(300).all.window[K.UDP] == 5
    assert node.tick(60_000).all.window[K.UDP] == 0


def test_targets_over_their_floor_are_candidates_the_highest_excess_first(node: Node) -> None:
    node.collector.set_floors(0, {K.UDP: 10, K.PACKETS: 1000})
    for server, count in ((SERVER, 15), (SERVER + 256, 40), (SERVER + 512, 9), (SERVER6, 10)):
        node.run(datagrams(count, server))
    found = node.tick().candidates
    assert [(one.key, one.traffic.window[K.UDP]) for one in found] == [
        (key_of(SERVER + 256), 40),
        (key_of(SERVER), 15),
        (key_of(SERVER6), 10),
    ]
    assert {one.prefix_length for one in found} == {128}


def test_bytes_have_a_floor_too(node: Node) -> None:
    node.collector.set_floors(0, {}, bytes_floor=1000)
    node.run(datagrams(1000 // len(datagrams(1)[0].data)))
    assert node.tick().candidates == ()
    node.run(datagrams(1))
    assert [one.key for one in node.tick().candidates] == [key_of(SERVER)]


@pytest.mark.parametrize(
    ("server", "prefix", "length"),
    [
        (IPv4Address("198.51.100.0"), key_of(IPv4Address("198.51.100.0")), 120),
        (IPv6Address("2001:db8:5::"), IPv6Address("2001:db8:5::").packed, 64),
    ],
)
def test_a_carpet_is_a_candidate_by_its_prefix(
    node: Node, server: IPv4Address | IPv6Address, prefix: bytes, length: int
) -> None:
    """No address of it has reached the floor."""
    node.collector.set_floors(0, {K.UDP: 20})
    for i in range(16):
        node.run(datagrams(2, server + i))
    node.run(datagrams(2, server + (1 << 72 if length == 64 else 1 << 12)))
    (found,) = node.tick().candidates
    assert (found.key, found.prefix_length, found.destinations) == (prefix, length, 16)
    assert found.traffic.window[K.UDP] == 32


def test_more_candidates_than_there_is_room_for_are_counted(node: Node) -> None:
    node.collector.set_floors(0, {K.UDP: 1})
    servers = [SERVER + 256 * i for i in range(abi.CANDIDATES_MAX + 20)]
    node.run([one for i, server in enumerate(servers) for one in datagrams(1 + i % 3, server)])
    window = node.tick()
    assert (len(window.candidates), window.cut) == (abi.CANDIDATES_MAX, 20)
    rates = [one.traffic.window[K.UDP] for one in window.candidates]
    assert rates == sorted(rates, reverse=True)
    assert rates.count(3) == 92
    assert rates.count(2) == 92


def test_profiles_are_told_apart_and_have_floors_of_their_own(harness: Harness) -> None:
    def two_profiles(table: PolicyTable) -> None:
        table.add(1)
        table.target(key_of(SERVER), 128, 1)

    harness.use_policy(two_profiles)
    with counting(harness) as node:
        node.collector.set_floors(1, {K.UDP: 5})
        node.run(datagrams(5) + datagrams(50, SERVER + 1))
        window = node.tick()
        assert {n: one.window[K.UDP] for n, one in window.profiles.items()} == {0: 50, 1: 5}
        assert [(one.key, one.profile) for one in window.candidates] == [(key_of(SERVER), 1)]


def test_another_policy_gives_a_destination_another_profile(node: Node) -> None:
    node.run(datagrams(1))
    assert set(node.tick().profiles) == {0}

    def second(table: PolicyTable) -> None:
        table.add(3)
        table.target(key_of(SERVER), 128, 3)

    node.harness.use_policy(second)
    node.run(datagrams(1))
    node.tick(1000)
    assert set(node.tick().profiles) == {3}


def test_followed_targets_are_told_whatever_the_floors(node: Node) -> None:
    target = Target(key_of(SERVER), 128)
    node.collector.follow(target)
    assert node.tick().followed[target].traffic.window[K.PACKETS] == 0
    node.run(datagrams(3))
    window = node.tick()
    assert (window.candidates, window.followed[target].traffic.since[K.UDP]) == ((), 3)


def test_a_followed_prefix_is_the_sum_of_its_addresses(node: Node) -> None:
    prefix = Target(key_of(IPv4Address("198.51.0.0")), 112)
    node.collector.follow(prefix)
    node.run(datagrams(3) + datagrams(4, SERVER + 512) + datagrams(5, SERVER6))
    found = node.tick().followed[prefix]
    assert (found.traffic.since[K.UDP], found.destinations) == (7, 2)
    node.collector.unfollow(prefix)
    assert node.tick().followed == {}


def test_following_has_a_bound_and_says_what_is_wrong(node: Node) -> None:
    targets = [Target(key_of(SERVER + i), 128) for i in range(abi.FOLLOWED_MAX)]
    for target in [*targets, targets[0]]:
        node.collector.follow(target)
    assert list(node.tick().followed) == targets
    with pytest.raises(NativeError, match="No space left"):
        node.collector.follow(Target(key_of(SERVER6), 128))
    node.collector.unfollow(targets[5])
    with pytest.raises(NativeError, match="No such file"):
        node.collector.unfollow(targets[5])
    node.collector.follow(Target(key_of(SERVER6), 128))
    with pytest.raises(NativeError, match="Invalid argument"):
        node.collector.follow(Target(key_of(SERVER), 120))
    with pytest.raises(NativeError, match="floors of profile"):
        node.collector.set_floors(abi.PROFILES_MAX, {})


def test_all_lcores_are_summed(library: ctypes.CDLL, harness: Harness) -> None:
    key = bytes(range(TRAFFIC_KEY_BYTES))
    with TrafficTable(library, 64, key, ()) as first, TrafficTable(library, 64, key, ()) as other:
        lcores = []
        for index, table in enumerate((first, other)):
            lcores.append(abi.Lcore.from_buffer_copy(harness.lcore))
            lcores[-1].traffic, lcores[-1].index = table.address, index
        addresses = [ctypes.addressof(lcore) for lcore in lcores]
        mine = harness.lcore
        with Collector(library, addresses, [first, other], bytes(16)) as collector:
            for lcore, count in zip(lcores, (3, 4), strict=True):
                harness.lcore = lcore
                harness.run(datagrams(count))
            target = Target(key_of(SERVER), 128)
            collector.follow(target)
            window = collector.collect(1000)
            assert window.followed[target].traffic.since[K.UDP] == 7
            assert window.all.since[K.UDP] == 7
            assert collector.destinations == 1
        harness.lcore = mine


def test_what_monitor_lets_pass_says_why_and_is_not_dropped(harness: Harness) -> None:

    def refuse(table: PolicyTable) -> None:
        profile = table.profile(0)
        profile.uses = abi.Use.PORTS_UDP
        profile.mode[abi.Reason.PORTS_UDP] = Mode.MONITOR
        profile.ports_udp.count, profile.ports_udp.is_deny = 1, 1
        profile.ports_udp.range[0].last = 65535

    harness.use_policy(refuse)
    with counting(harness) as node:
        packet = harness.run_one(datagrams(1)[0])
        assert packet.reason == abi.Reason.PORTS_UDP
        assert packet.flags & abi.PacketFlag.WOULD_DROP
        assert node.counts() == {K.PACKETS: 1, K.UDP: 1}
