"""The native policy: which profile an address has, and what can't be built."""

from __future__ import annotations

import ctypes
import errno
import random
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from dataplane.base.errors import NativeError
from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.native.abi import Mode, Port, Reason, Verdict
from dataplane.tables.policy_table import KEY_BYTES, PolicyTable
from tests.native import frames
from tests.native.frames import ip4, ip6, link, tcp
from tests.native.harness import Frame, Harness
from tests.native.tables.lists.lists_support import first_of, key_bytes, network_of

KEY = bytes(KEY_BYTES)


def put(table: PolicyTable, text: str, index: int) -> None:
    table.target(*Network.parse(text), index)


def chosen(table: PolicyTable, text: str) -> int:
    return table.select(Network.parse(text).key)


def test_the_longest_target_decides_and_of_the_same_the_last(library: ctypes.CDLL) -> None:
    with PolicyTable(library, 16) as table:
        for index, text in enumerate(
            ("0.0.0.0/0", "198.51.0.0/16", "198.51.100.7", "::/0", "2001:db8::/32", "2001:db8::7"),
            1,
        ):
            put(table, text, index)
        put(table, "198.51.0.0/16", 9)
        table.build(KEY)
        assert chosen(table, "203.0.113.1") == 1
        assert chosen(table, "198.51.100.8") == 9
        assert chosen(table, "198.51.100.7") == 3
        assert chosen(table, "::ffff:198.51.100.7") == 3
        assert chosen(table, "2001:db9::") == 4
        assert chosen(table, "2001:db8::8") == 5
        assert chosen(table, "2001:db8::7") == 6


def test_an_ipv6_target_says_nothing_of_ipv4(library: ctypes.CDLL) -> None:
    with PolicyTable(library, 1) as table:
        put(table, "::/0", 1)
        table.build(KEY)
        assert (chosen(table, "198.51.100.7"), chosen(table, "2001:db8::7")) == (0, 1)


@pytest.mark.parametrize("seed", range(6))
def test_it_is_what_all_targets_together_say(library: ctypes.CDLL, seed: int) -> None:
    rng = random.Random(seed)
    targets = []
    for index in range(1, 200):
        is_ipv4 = rng.random() < 0.5
        base = 0xFFFF_C633_6400 if is_ipv4 else 0x20010DB8 << 96
        spread = rng.choice((4, 9, 16) if is_ipv4 else (4, 30, 64, 80))
        length = rng.randrange(96 if is_ipv4 else 0, 129)
        targets.append((first_of(base ^ rng.getrandbits(spread), length), length, index))
    with PolicyTable(library, len(targets)) as table:
        for address, length, index in targets:
            table.target(key_bytes(address), length, index)
        table.build(KEY)
        networks = [(network_of(address, length), index) for address, length, index in targets]
        for address, length, _ in targets:
            for near in (address - 1, address, address + 1, address + (1 << (128 - length))):
                key = key_bytes(near % (1 << 128))
                assert table.select(key) == _oracle(networks, key), key.hex()


def _oracle(networks: list[tuple[object, int]], key: bytes) -> int:
    address = ip_address(key)
    address = getattr(address, "ipv4_mapped", None) or address
    found = [(n.prefixlen, i) for n, i in networks if address in n]  # type: ignore[attr-defined,operator]
    return max(found, default=(0, 0))[1]


@pytest.mark.parametrize(
    ("key", "length", "index"),
    [
        (bytes(15) + b"\1", 127, 1),
        (bytes(10) + b"\xff\xff\xc6\x33\x64\x07", 127, 1),
        (b"\x20\x01" + bytes(14), 15, 1),
        (bytes(16), 129, 1),
        (bytes(16), 0, abi.PROFILES_MAX),
    ],
)
def test_a_target_that_is_none_is_refused(
    library: ctypes.CDLL, key: bytes, length: int, index: int
) -> None:
    with PolicyTable(library, 4) as table, pytest.raises(NativeError) as caught:
        table.target(key, length, index)
    assert caught.value.errno == errno.EINVAL


def test_more_targets_than_there_is_room_for_are_refused(library: ctypes.CDLL) -> None:
    with PolicyTable(library, 1) as table:
        put(table, "198.51.100.0/24", 1)
        with pytest.raises(NativeError) as caught:
            put(table, "198.51.101.0/24", 1)
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(NativeError):
        PolicyTable(library, 65_537)


def test_an_index_beyond_the_last_is_refused(library: ctypes.CDLL) -> None:
    with PolicyTable(library) as table, pytest.raises(IndexError, match="2048, limit 2047"):
        table.profile(abi.PROFILES_MAX)


def _limit(profile: abi.Profile, **fields: int) -> None:
    profile.limit_count = 1
    sound = {"increment_q16": 1, "burst_q16": 1, "reason": Reason.RATE_SOURCE_PACKETS}
    for name, value in {**sound, **fields}.items():
        setattr(profile.limit[0], name, value)


def _range(profile: abi.Profile, *ranges: tuple[int, int]) -> None:
    profile.ports_tcp.count = len(ranges)
    for place, (first, last) in zip(profile.ports_tcp.range, ranges, strict=False):
        place.first, place.last = first, last


def _reflectors(profile: abi.Profile, *ports: int) -> None:
    profile.reflector_count = len(ports)
    for place, port in zip(profile.reflector, ports, strict=False):
        place.port = port


UNSOUND: list[Callable[[abi.Profile], object]] = [
    lambda p: _limit(p, increment_q16=0),
    lambda p: _limit(p, increment_q16=2),
    lambda p: _limit(p, burst_q16=(abi.LIMIT_BURST_S_MAX * 10**9 << 16) + 1),
    lambda p: _limit(p, scope=len(abi.Scope)),
    lambda p: _limit(p, unit=len(abi.Unit)),
    lambda p: _limit(p, reason=Reason.LAND),
    lambda p: _limit(p, reason=len(Reason)),
    lambda p: _limit(p, reason=255),
    lambda p: _limit(p, bits_ipv4=33),
    lambda p: _limit(p, bits_ipv6=129),
    lambda p: _limit(p, icmp_only=2),
    lambda p: setattr(p, "limit_count", abi.LIMITS_MAX + 1),
    lambda p: setattr(p, "reflector_count", abi.REFLECTORS_MAX + 1),
    lambda p: setattr(p.ports_udp, "count", abi.PORT_RANGES_MAX + 1),
    lambda p: _range(p, (81, 80)),
    lambda p: _range(p, (80, 90), (90, 91)),
    lambda p: _range(p, (80, 90), (70, 71)),
    lambda p: _reflectors(p, 53, 53),
    lambda p: _reflectors(p, 123, 53),
    lambda p: p.mode.__setitem__(Reason.LAND, len(Mode)),
]


@pytest.mark.parametrize("spoil", UNSOUND)
def test_what_is_out_of_bounds_is_not_built(
    library: ctypes.CDLL, spoil: Callable[[abi.Profile], object]
) -> None:
    with PolicyTable(library) as table:
        spoil(table.add(5))
        with pytest.raises(NativeError) as caught:
            table.build(KEY)
    assert caught.value.errno == errno.EINVAL


# --- the stage --------------------------------------------------------------------------------


def protect(table: PolicyTable) -> None:
    """Servers of the frames have profile 1, in which land is monitored."""
    table.add(1).mode[Reason.LAND] = Mode.MONITOR
    put(table, f"{frames.SERVER4}/32", 1)
    put(table, f"{frames.SERVER6}/128", 1)


@pytest.mark.parametrize("tag", frames.LINKS)
@pytest.mark.parametrize("ip", [ip4, ip6])
def test_the_inside_address_selects_in_both_directions(
    harness: Harness, ip: Callable[..., object], tag: str
) -> None:
    harness.use_policy(protect)
    server = frames.SERVER4 if ip is ip4 else frames.SERVER6
    client = frames.CLIENT4 if ip is ip4 else frames.CLIENT6
    there = bytes(link(tag) / ip() / tcp())
    back = bytes(link(tag) / ip(src=server, dst=client) / tcp("A"))
    packets = harness.run(
        [there, Frame(back, Port.INSIDE), back, Frame(there, Port.INSIDE), there[:20]]
    )
    assert [packet.profile for packet in packets] == [1, 1, 0, 0, 0]


def test_modes_and_counters_are_those_of_the_profile(harness: Harness) -> None:
    harness.use_policy(protect)
    other = "198.51.100.11"
    mine = bytes(link("untagged") / ip4(src=frames.SERVER4) / tcp())
    theirs = bytes(link("untagged") / ip4(src=other, dst=other) / tcp())
    packets = harness.run([mine, theirs])
    assert [Verdict(packet.verdict) for packet in packets] == [Verdict.PASS, Verdict.DROP]
    assert harness.stats.profile[1].count[Reason.LAND][Mode.MONITOR] == 1
    assert harness.stats.profile[0].count[Reason.LAND][Mode.ENFORCE] == 1


def test_a_packet_that_was_handed_over_has_the_profile_of_the_policy_now_in_force(
    library: ctypes.CDLL,
) -> None:
    with Harness(library, lcores=2, index=0) as node:
        node.use_policy(protect)
        frame = bytes(link("untagged") / ip4() / tcp())
        owner = int(node.run_one(frame).owner)
        node.lcore.index = 1 - owner
        held = node.run_one(frame)
        assert (Verdict(held.verdict), held.profile) == (Verdict.HANDED_OVER, 1)
        node.use_policy(lambda table: put(table, "198.51.100.0/24", 7))
        node.lcore.index = owner
        assert [packet.profile for packet in node.resume()] == [7]
        node.fill([frame])
        node.lcore.index = 1 - owner
        node.run([frame])
        node.use_policy(lambda _table: None)
        node.lcore.index = owner
        assert [packet.profile for packet in node.resume()] == [0]
