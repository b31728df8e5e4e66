"""What parse finds in every kind of packet, and what it does where bytes end early."""

from __future__ import annotations

import pytest

from dataplane.native import abi
from dataplane.native.abi import PacketFlag, Port, Reason, Verdict
from tests.native import broken_frames, frames
from tests.native.harness import Frame, Harness
from tests.native.ledger import assert_ledger

ALL_LINKS = sorted(frames.LINKS)
ALL_GOOD = sorted(frames.GOOD)
NO_FLAG = PacketFlag(0)
LATER = PacketFlag.FRAGMENT | PacketFlag.FRAGMENT_LATER

# name: protocol, offsets of transport header and payload behind the network header, flags
EXPECTED: dict[str, tuple[int, int, int, PacketFlag]] = {
    "ipv4-tcp": (6, 20, 40, NO_FLAG),
    "ipv4-tcp-options": (6, 20, 48, NO_FLAG),
    "ipv4-udp": (17, 20, 28, NO_FLAG),
    "ipv4-udp-empty": (17, 20, 28, NO_FLAG),
    "ipv4-icmp": (1, 20, 28, NO_FLAG),
    "ipv4-icmp-error": (1, 20, 28, NO_FLAG),
    "ipv4-options": (6, 28, 48, NO_FLAG),
    "ipv4-fragment-first": (17, 20, 28, PacketFlag.FRAGMENT),
    "ipv4-fragment-later": (6, 0, 0, LATER),
    "ipv4-fragment-last-possible": (17, 0, 0, LATER),
    "ipv4-gre": (47, 20, 0, NO_FLAG),
    "ipv4-esp": (50, 0, 0, NO_FLAG),
    "ipv4-dhcp": (17, 20, 28, NO_FLAG),
    "ipv6-tcp": (6, 40, 60, NO_FLAG),
    "ipv6-tcp-options": (6, 40, 68, NO_FLAG),
    "ipv6-udp": (17, 40, 48, NO_FLAG),
    "ipv6-icmp": (58, 40, 48, NO_FLAG),
    "ipv6-icmp-error": (58, 40, 48, NO_FLAG),
    "ipv6-extensions": (6, 40 + 8 + 8 + 24 + 24, 40 + 64 + 20, NO_FLAG),
    "ipv6-eight-extensions": (6, 40 + 64, 40 + 64 + 20, NO_FLAG),
    "ipv6-fragment-first": (17, 48, 56, PacketFlag.FRAGMENT),
    "ipv6-fragment-later": (6, 0, 0, LATER),
    "ipv6-fragment-last-possible": (17, 0, 0, LATER),
    "ipv6-fragment-atomic": (6, 48, 68, NO_FLAG),
    "ipv6-esp": (50, 0, 0, NO_FLAG),
    "ipv6-no-next-header": (59, 0, 0, NO_FLAG),
}


def addresses(packet: abi.Packet, data: bytes) -> tuple[bytes, bytes]:
    size = 16 if packet.ip_version == 6 else 4
    client, protected = packet.client_offset, packet.protected_offset
    return data[client : client + size], data[protected : protected + size]


def header_addresses(data: bytes, l3: int) -> tuple[bytes, bytes]:
    if data[l3] >> 4 == 4:
        return data[l3 + 12 : l3 + 16], data[l3 + 16 : l3 + 20]
    return data[l3 + 8 : l3 + 24], data[l3 + 24 : l3 + 40]


@pytest.mark.parametrize("link", ALL_LINKS)
@pytest.mark.parametrize("name", ALL_GOOD)
def test_headers_are_found(harness: Harness, name: str, link: str) -> None:
    data, l3 = frames.good(name, link), frames.LINKS[link]
    packet = harness.run_one(data)
    protocol, l4, payload, flags = EXPECTED[name]
    assert packet.l3_offset == l3
    assert packet.ip_version == (4 if name.startswith("ipv4") else 6)
    assert packet.protocol == protocol
    assert packet.l4_offset == (l4 and l3 + l4)
    assert packet.payload_offset == (payload and l3 + payload)
    assert PacketFlag(packet.flags) & ~PacketFlag.PLAIN == flags
    assert Reason(packet.anomaly) is Reason.NONE
    assert packet.profile == 0


@pytest.mark.parametrize(
    ("link", "count", "outermost"), [("untagged", 0, 0), ("vlan", 1, 7), ("qinq", 2, 5)]
)
def test_tags_are_counted_and_the_outermost_kept(
    harness: Harness, link: str, count: int, outermost: int
) -> None:
    packet = harness.run_one(frames.good("ipv6-tcp", link))
    assert (packet.vlan_count, packet.vlan_id) == (count, outermost)


@pytest.mark.parametrize("ethertype", [0x8100, 0x88A8, 0x9100])
def test_every_tag_protocol_is_known(harness: Harness, ethertype: int) -> None:
    data = frames.good("ipv4-tcp")
    tagged = data[:12] + ethertype.to_bytes(2) + b"\xe0\x2a" + data[12:]
    packet = harness.run_one(tagged)
    assert (packet.vlan_count, packet.vlan_id, packet.ip_version) == (1, 42, 4)


@pytest.mark.parametrize("name", ALL_GOOD)
def test_the_client_is_the_outside_address_in_both_directions(harness: Harness, name: str) -> None:
    data = frames.good(name)
    source, destination = header_addresses(data, 14)
    outside = harness.run_one(Frame(data, Port.OUTSIDE))
    assert addresses(outside, data) == (source, destination)
    inside = harness.run_one(Frame(data, Port.INSIDE))
    assert addresses(inside, data) == (destination, source)


@pytest.mark.parametrize("link", ALL_LINKS)
@pytest.mark.parametrize("name", ALL_GOOD)
def test_a_packet_cut_at_any_byte_is_dropped(harness: Harness, name: str, link: str) -> None:
    data = frames.good(name, link)
    for size in range(len(data)):
        packet = harness.run_one(data[:size])
        assert Verdict(packet.verdict) is Verdict.DROP, size
        in_header = size < frames.LINKS[link]
        assert (Reason(packet.reason) is Reason.ETHERNET_TRUNCATED) is in_header, size


@pytest.mark.parametrize("name", ALL_GOOD)
def test_headers_beyond_the_first_segment_are_dropped(harness: Harness, name: str) -> None:
    data = frames.good(name, "vlan")
    end = harness.run_one(data).payload_offset or _end_of_headers(name)
    for size in range(len(data)):
        packet = harness.run_one(Frame(data[:size], length=len(data)))
        expected = Reason.HEADER_SPLIT if size < end else Reason.NONE
        assert Reason(packet.reason) is expected, size


def _end_of_headers(name: str) -> int:
    # Without a transport header to look for: behind the network and fragment headers.
    fragment_header = 8 if name.startswith("ipv6-fragment") else 0
    return frames.LINKS["vlan"] + (20 if name.startswith("ipv4") else 40) + fragment_header


@pytest.mark.parametrize("name", ALL_GOOD)
def test_a_packet_that_a_capture_has_cut_passes(harness: Harness, name: str) -> None:
    data = frames.good(name, "vlan")
    full = harness.run_one(data)
    # TCP's options may be missing: nobody reads them.
    end = full.l4_offset + 20 if full.protocol == 6 and full.l4_offset else full.payload_offset
    end = end or _end_of_headers(name)
    for size in range(len(data)):
        packet = harness.run_one(Frame(data[:size], flags=PacketFlag.CUT, length=len(data)))
        assert Verdict(packet.verdict) is Verdict.PASS, size
        assert bool(packet.flags & PacketFlag.CUT_SHORT) is (size < end), size


def test_a_capture_cut_behind_the_headers_is_still_judged(harness: Harness) -> None:
    data = bytes(frames.link("untagged") / frames.ip4(src="127.0.0.1") / frames.udp()) + b"x" * 40
    packet = harness.run_one(Frame(data[:42], flags=PacketFlag.CUT, length=len(data)))
    assert Reason(packet.reason) is Reason.SOURCE_LOOPBACK


def test_addresses_stay_readable_where_an_anomaly_is_let_through(harness: Harness) -> None:
    """The lists must not lose a packet because a sanity reason is in monitor mode."""
    unreadable = {Reason.ETHERNET_TRUNCATED, Reason.VLAN_DEPTH, Reason.IP_VERSION}
    for case in broken_frames.broken():
        packet = harness.run_one(case.make("untagged"))
        cut = case.reason is Reason.IP_TRUNCATED and "options" not in case.name
        readable = case.reason not in unreadable and not cut
        assert packet.ip_version == (case.family if readable else 0), case
        assert_ledger(harness)
        harness.reset_stats()


PLAIN = ("ipv4-tcp", "ipv4-tcp-options", "ipv4-udp", "ipv4-udp-empty")


@pytest.mark.parametrize("name", PLAIN)
def test_the_fast_path_finds_what_the_thorough_one_finds(harness: Harness, name: str) -> None:
    """A tag and a short frame lead around the fast path; only offsets may differ, by the tag."""
    data = frames.good(name)
    fast = findings(harness.run_one(data + b"\0" * 18))
    assert findings(harness.run_one(data)) == fast
    assert findings(harness.run_one(frames.good(name, "vlan") + b"\0" * 18)) == fast


def findings(packet: abi.Packet) -> dict[str, int]:
    offsets = ("l4_offset", "payload_offset", "client_offset", "protected_offset")
    plain = ("ip_version", "protocol", "anomaly", "verdict", "reason", "profile")
    relative = {name: getattr(packet, name) - packet.l3_offset for name in offsets}
    found = relative | {name: getattr(packet, name) for name in plain}
    return found | {"flags": packet.flags & ~PacketFlag.PLAIN}


@pytest.mark.parametrize("name", ["ipv4-tcp", "ipv6-tcp"])
def test_only_what_the_receiver_may_say_survives_in_the_flags(harness: Harness, name: str) -> None:
    """A descriptor is used again and again: nothing of the last packet may stick to the next."""
    packet = harness.run_one(Frame(frames.good(name), flags=0xFFFF))
    kept = PacketFlag(packet.flags) & ~PacketFlag.PLAIN
    assert kept == PacketFlag.CUT | PacketFlag.CHECKSUM_GOOD | PacketFlag.L4_GOOD


@pytest.mark.parametrize("link", ALL_LINKS)
@pytest.mark.parametrize("name", ALL_GOOD)
def test_only_the_plainest_packets_are_called_plain(harness: Harness, name: str, link: str) -> None:
    plain = link == "untagged" and name in PLAIN
    packet = harness.run_one(frames.good(name, link) + b"\0" * 18)
    assert bool(packet.flags & PacketFlag.PLAIN) is plain
