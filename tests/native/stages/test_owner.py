"""Which lcore owns a client, and what becomes of packets that arrive at another."""

from __future__ import annotations

import ctypes
import ipaddress
from collections import Counter
from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6ExtHdrFragment
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from dataplane.native.abi import Mode, Packet, Port, Reason, Stage, Verdict
from tests.native import frames
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger

LCORES = 4


@pytest.fixture
def node(library: ctypes.CDLL) -> Iterator[Harness]:
    """Lcore 0 of four."""
    with Harness(library, lcores=LCORES) as made:
        yield made


def mapped(address: str) -> bytes:
    parsed = ipaddress.ip_address(address)
    return parsed.packed if parsed.version == 6 else b"\0" * 10 + b"\xff\xff" + parsed.packed


def owner_of(harness: Harness, client: str) -> int:
    return int(harness.library.sb_client_lcore(ctypes.addressof(harness.node), mapped(client)))


def frame(layers: Layer, port: Port = Port.OUTSIDE) -> Frame:
    return Frame(bytes(frames.link("vlan") / layers), port)


def assert_owned_by(harness: Harness, packet: Packet, client: str) -> None:
    owner = owner_of(harness, client)
    assert packet.owner == owner
    assert Verdict(packet.verdict) is (Verdict.PASS if owner == 0 else Verdict.HANDED_OVER)


def test_the_hash_is_siphash_2_4(node: Harness) -> None:
    """The vector for 16 bytes of the reference implementation (key 00..0f, input 00..0f)."""
    node.node.lcore_count = 1 << 31
    lcore = node.library.sb_client_lcore(ctypes.addressof(node.node), bytes(range(16)))
    assert lcore == 0x3F2ACC7F57C29BDB >> 33


@pytest.mark.parametrize("lcores", [1, 2, 3, 7, 16])
def test_clients_are_spread_over_all_lcores(node: Harness, lcores: int) -> None:
    node.node.lcore_count = lcores
    clients = (f"10.0.{i >> 8}.{i & 255}" for i in range(4096))
    counts = Counter(owner_of(node, client) for client in clients)
    assert set(counts) == set(range(lcores))
    assert max(counts.values()) < 1.3 * 4096 / lcores


def test_another_key_spreads_them_otherwise(node: Harness) -> None:
    clients = [f"10.0.0.{i}" for i in range(256)]
    before = [owner_of(node, client) for client in clients]
    node.node.owner_key[1] ^= 1
    assert [owner_of(node, client) for client in clients] != before


@pytest.mark.parametrize("last", range(1, 17))
def test_both_directions_belong_to_the_same_lcore(node: Harness, last: int) -> None:
    for client, server, network in (
        (f"203.0.113.{last}", frames.SERVER4, frames.ip4),
        (f"2001:db8::{last:x}", frames.SERVER6, frames.ip6),
    ):
        inward = frame(network(src=client, dst=server) / frames.tcp("S"))
        outward = frame(network(src=server, dst=client) / frames.tcp("SA"), Port.INSIDE)
        for packet in node.run([inward, outward]):
            assert_owned_by(node, packet, client)


@pytest.mark.parametrize("last", range(1, 9))
def test_every_fragment_goes_where_the_first_goes(node: Harness, last: int) -> None:
    client4, client6 = f"203.0.113.{last}", f"2001:db8::{last:x}"
    later4 = frames.ip4(src=client4, frag=100, proto=17) / Raw(b"x" * 32)
    later6 = frames.ip6(src=client6) / IPv6ExtHdrFragment(offset=100, nh=17) / Raw(b"x" * 32)
    four, six = node.run([frame(later4), frame(later6)])
    assert_owned_by(node, four, client4)
    assert_owned_by(node, six, client6)


ERRORS4 = [ICMP(type=3, code=4), ICMP(type=4), ICMP(type=5), ICMP(type=11), ICMP(type=12)]
ERRORS6 = [ICMPv6DestUnreach(), ICMPv6PacketTooBig()]
ROUTER4, ROUTER6 = "192.0.2.254", "2001:db8:ffff::1"


@pytest.mark.parametrize("last", range(1, 9))
@pytest.mark.parametrize("error", ERRORS4, ids=lambda error: f"type-{error.type}")
def test_an_icmp_error_belongs_to_the_client_it_quotes(
    node: Harness, error: Layer, last: int
) -> None:
    node.set_mode(Reason.ICMP_REDIRECT, Mode.OFF)  # refused before anybody asks for its owner
    client = f"203.0.113.{last}"
    answer = frames.ip4(src=frames.SERVER4, dst=client) / frames.udp()
    question = frames.ip4(src=client, dst=frames.SERVER4) / frames.udp()
    outside = frame(frames.ip4(src=ROUTER4) / error / answer)
    inside = frame(frames.ip4(src=frames.SERVER4, dst=ROUTER4) / error / question, Port.INSIDE)
    for packet in node.run([outside, inside]):
        assert_owned_by(node, packet, client)


@pytest.mark.parametrize("last", range(1, 9))
@pytest.mark.parametrize("error", ERRORS6, ids=lambda error: f"type-{error.type}")
def test_an_icmpv6_error_belongs_to_the_client_it_quotes(
    node: Harness, error: Layer, last: int
) -> None:
    client = f"2001:db8::{last:x}"
    answer = frames.ip6(src=frames.SERVER6, dst=client) / frames.udp()
    question = frames.ip6(src=client, dst=frames.SERVER6) / frames.udp()
    outside = frame(frames.ip6(src=ROUTER6) / error / answer)
    inside = frame(frames.ip6(src=frames.SERVER6, dst=ROUTER6) / error / question, Port.INSIDE)
    for packet in node.run([outside, inside]):
        assert_owned_by(node, packet, client)


def test_a_quote_cut_short_belongs_to_its_sender(node: Harness) -> None:
    quote = bytes(frames.ip4(src=frames.SERVER4, dst="203.0.113.77") / frames.udp())
    for size in range(20):
        error = frames.ip4(src=ROUTER4) / ICMP(type=3) / Raw(quote[:size])
        assert_owned_by(node, node.run_one(frame(error)), ROUTER4)


def test_echo_belongs_to_its_sender(node: Harness) -> None:
    inner = frames.ip4(src=frames.SERVER4, dst="203.0.113.77") / frames.udp()
    echo = frames.ip4(src=ROUTER4) / ICMP(type=8) / inner
    assert_owned_by(node, node.run_one(frame(echo)), ROUTER4)


def test_a_packet_without_addresses_stays(node: Harness) -> None:
    node.set_mode(Reason.IP_VERSION, Mode.OFF)
    data = bytearray(frames.good("ipv4-tcp"))
    data[14] = 0x65
    assert Verdict(node.run_one(bytes(data)).verdict) is Verdict.PASS


def foreign(node: Harness, count: int) -> list[Frame]:
    clients = (f"203.0.113.{i}" for i in range(1, 255))
    others = [client for client in clients if owner_of(node, client) != 0][:count]
    return [frame(frames.ip4(src=client) / frames.tcp()) for client in others]


def test_what_is_not_mine_is_held_and_counted(node: Harness) -> None:
    packets = node.run(foreign(node, 5))
    assert {packet.verdict for packet in packets} == {Verdict.HANDED_OVER}
    assert node.stats.port[Port.OUTSIDE].held_now == 5
    assert node.stats.misrouted == 5
    assert node.stats.stage[Stage.LISTS].packets == 0
    assert_ledger(node)


def test_the_owner_takes_over_and_the_ledgers_add_up(node: Harness) -> None:
    node.run(foreign(node, 5))
    node.lcore.index = int(node.burst.packets[0].owner)
    packets = node.resume()
    assert {packet.verdict for packet in packets} == {Verdict.PASS}
    assert node.stats.port[Port.OUTSIDE].held_now == 0
    assert node.stats.port[Port.OUTSIDE].received == 5
    assert node.stats.stage[Stage.LISTS].packets == 5
    assert_ledger(node)


def test_a_single_lcore_owns_everybody(harness: Harness) -> None:
    packets = harness.run(frame(frames.ip4(src=f"10.0.0.{i}") / frames.tcp()) for i in range(32))
    assert {(packet.verdict, packet.owner) for packet in packets} == {(Verdict.PASS, 0)}
    assert harness.stats.misrouted == 0
