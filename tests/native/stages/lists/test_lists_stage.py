"""The lists stage on bytes: who is judged, what a verdict leaves behind, and the modes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

from dataplane.base.networks import Network
from dataplane.native import abi
from dataplane.tables.lists import Lists, pack
from tests.native.harness import Frame, Harness
from tests.native.tables.lists.lists_support import BLACK, NEVER, WHITE

CLIENT, ORIGIN = "203.0.113.7", "198.51.100.1"
CLIENT6, ORIGIN6 = "2001:db8::7", "2001:db8:ffff::1"
BANNED = [
    Ether() / IP(src=CLIENT, dst=ORIGIN) / UDP(),
    Ether() / IP(src=CLIENT, dst=ORIGIN) / UDP() / Raw(bytes(18)),
    Ether() / IP(src=CLIENT, dst=ORIGIN) / TCP() / Raw(bytes(6)),
    Ether() / IP(src=CLIENT, dst=ORIGIN, flags="MF") / UDP() / Raw(bytes(16)),
    Ether() / IP(src=CLIENT, dst=ORIGIN, frag=100) / Raw(bytes(16)),
    Ether() / Dot1Q(vlan=7) / IP(src=CLIENT, dst=ORIGIN) / TCP(),
    Ether() / Dot1Q(vlan=7, type=0x8100) / Dot1Q(vlan=8) / IP(src=CLIENT, dst=ORIGIN) / ICMP(),
    Ether() / IPv6(src=CLIENT6, dst=ORIGIN6) / TCP(),
    Ether() / IPv6(src=CLIENT6, dst=ORIGIN6) / IPv6ExtHdrFragment(offset=50) / Raw(bytes(16)),
    Ether() / IPv6(src=f"::ffff:{CLIENT}", dst=ORIGIN6) / UDP(),
]


@pytest.fixture
def lists(harness: Harness) -> Iterator[Lists]:
    """Lists that ban the two clients, in the node of the harness."""
    with Lists(harness.library, 64, 64, 1, bytes(range(16))) as made:
        harness.node.lists = made.address
        add(made, BLACK, CLIENT)
        add(made, BLACK, CLIENT6)
        yield made


def add(lists: Lists, kind: abi.ListKind, text: str, deadline_ds: int = NEVER) -> None:
    network = Network.parse(text)
    assert lists.put(pack([(network.key, network.prefix_length, kind, deadline_ds)])) == 0
    lists.commit()


def hits(lists: Lists, kind: abi.ListKind, text: str) -> int:
    network = Network.parse(text)
    entry = lists.get(network.key, network.prefix_length, kind)
    assert entry is not None
    return entry.hits


def udp(source: str = CLIENT) -> bytes:
    """Padded as Ethernet does: SB_PACKET_PLAIN."""
    return bytes(Ether() / IP(src=source, dst=ORIGIN) / UDP()) + bytes(18)


@pytest.mark.parametrize("packet", BANNED, ids=lambda packet: packet.summary())
def test_a_banned_client_is_dropped_whatever_carries_its_address(
    harness: Harness, lists: Lists, packet: Packet
) -> None:
    got = harness.run_one(bytes(packet))
    assert (got.verdict, got.reason) == (abi.Verdict.DROP, abi.Reason.BLACKLIST)
    assert hits(lists, BLACK, CLIENT) + hits(lists, BLACK, CLIENT6) == 1
    assert harness.stats.port[abi.Port.OUTSIDE].dropped[abi.Reason.BLACKLIST] == 1


def test_only_what_comes_from_outside_is_judged(harness: Harness, lists: Lists) -> None:
    reply = bytes(Ether() / IP(src=ORIGIN, dst=CLIENT) / UDP())
    forged = udp()
    packets = harness.run([Frame(reply, abi.Port.INSIDE), Frame(forged, abi.Port.INSIDE)])
    assert [packet.verdict for packet in packets] == [abi.Verdict.PASS] * 2
    assert hits(lists, BLACK, CLIENT) == 0


def test_link_scope_control_passes(harness: Harness, lists: Lists) -> None:
    add(lists, BLACK, "0.0.0.0/0")
    add(lists, BLACK, "::/0")
    packet = harness.run_one(bytes(Ether() / ARP(psrc=CLIENT)))
    assert packet.verdict == abi.Verdict.PASS


def test_a_burst_loses_the_banned_and_keeps_the_others_in_order(
    harness: Harness, lists: Lists
) -> None:
    banned = {0, 5, 6, 31}
    frames = [udp() if i in banned else udp(f"192.0.2.{i}") for i in range(32)]
    packets = harness.run(frames)
    dropped = {i for i, packet in enumerate(packets) if packet.verdict == abi.Verdict.DROP}
    assert dropped == banned
    live = list(harness.burst.live[: harness.burst.live_count])
    assert live == [i for i in range(32) if i not in banned]
    assert hits(lists, BLACK, CLIENT) == len(banned)


def test_the_allowlist_beats_the_blacklist_and_marks_the_packet(
    harness: Harness, lists: Lists
) -> None:
    add(lists, WHITE, "203.0.113.0/24")
    packet = harness.run_one(udp())
    assert packet.verdict == abi.Verdict.PASS
    assert packet.flags & abi.PacketFlag.ALLOWED
    assert (hits(lists, WHITE, "203.0.113.0/24"), hits(lists, BLACK, CLIENT)) == (1, 0)


def test_monitor_counts_and_drops_nothing(harness: Harness, lists: Lists) -> None:
    harness.set_mode(abi.Reason.BLACKLIST, abi.Mode.MONITOR)
    before = udp()
    packet = harness.run_one(before)
    assert packet.verdict == abi.Verdict.PASS
    assert harness.bytes_of(packet) == before
    count = harness.stats.profile[0].count[abi.Reason.BLACKLIST]
    assert (count[abi.Mode.MONITOR], count[abi.Mode.ENFORCE]) == (1, 0)
    assert hits(lists, BLACK, CLIENT) == 1


def test_off_neither_drops_nor_counts_but_allows(harness: Harness, lists: Lists) -> None:
    harness.set_mode(abi.Reason.BLACKLIST, abi.Mode.OFF)
    assert harness.run_one(udp()).verdict == abi.Verdict.PASS
    assert hits(lists, BLACK, CLIENT) == 0
    add(lists, WHITE, CLIENT)
    assert harness.run_one(udp()).flags & abi.PacketFlag.ALLOWED
    assert hits(lists, WHITE, CLIENT) == 1


def test_a_ban_ends_at_its_deadline_by_the_time_of_the_burst(
    harness: Harness, lists: Lists
) -> None:
    add(lists, BLACK, CLIENT, deadline_ds=500)
    for boot_ds, verdict in ((499, abi.Verdict.DROP), (500, abi.Verdict.PASS)):
        harness.time.boot_ds = boot_ds
        assert harness.run_one(udp()).verdict == verdict


def test_a_pipeline_without_lists_forwards(harness: Harness) -> None:
    assert harness.run_one(udp()).verdict == abi.Verdict.PASS
