"""Link-scope control always passes, whatever it claims; its imitations do not."""

from __future__ import annotations

import pytest
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6MLDone,
    ICMPv6MLQuery,
    ICMPv6MLReport,
    ICMPv6MLReport2,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6ND_RS,
    IPv6ExtHdrHopByHop,
    RouterAlert,
)
from scapy.layers.l2 import ARP
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from dataplane.native.abi import PacketFlag, Port, Reason, Verdict
from tests.native import frames
from tests.native.harness import Frame, Harness

ROUTER_ALERT = IPv6ExtHdrHopByHop(options=[RouterAlert()])


def nd(message: Layer, src: str = frames.CLIENT6, hlim: int = 255) -> Layer:
    return frames.ip6(src=src, dst="ff02::1", hlim=hlim) / message


def mld(message: Layer, src: str = frames.CLIENT6, dst: str = "ff02::16", hlim: int = 1) -> Layer:
    return frames.ip6(src=src, dst=dst, hlim=hlim) / ROUTER_ALERT / message


LINK_SCOPE: dict[str, Layer] = {
    "arp": ARP(),
    "nd-rs": nd(ICMPv6ND_RS()),
    "nd-ra": nd(ICMPv6ND_RA()),
    "nd-ns": nd(ICMPv6ND_NS()),
    "nd-na": nd(ICMPv6ND_NA()),
    "nd-redirect": frames.ip6(src="fe80::1", hlim=255) / ICMPv6ND_Redirect(),
    "dad": nd(ICMPv6ND_NS(tgt="fe80::1"), src="::"),
    "mld-query": mld(ICMPv6MLQuery()),
    "mld-report": mld(ICMPv6MLReport()),
    "mld-done": mld(ICMPv6MLDone()),
    "mld-report-2": mld(ICMPv6MLReport2()),
    "mld-from-nowhere": mld(ICMPv6MLReport2(), src="::"),
    "link-local": frames.ip6(src="fe80::1", dst="fe80::2") / frames.tcp("SF"),
    "link-local-last": frames.ip6(src="febf::1", dst="febf::2") / frames.udp(),
    "link-local-to-a-group": frames.ip6(src="fe80::1", dst="ff02::5", nh=89) / Raw(b"\2\1"),
    "link-local-to-a-transient-group": frames.ip6(src="fe80::1", dst="ff12::5") / frames.udp(),
    "link-local-nd-to-a-host": frames.ip6(src="fe80::1", hlim=255) / ICMPv6ND_NS(),
    "link-local-mld-1-to-its-group": mld(ICMPv6MLReport(), src="fe80::1", dst="ff0e::99"),
}
LINK_SCOPE_ETHERTYPES = {
    "lldp": 0x88CC,
    "lacp": 0x8809,
    "eapol": 0x888E,
    "pppoe-discovery": 0x8863,
    "llc": 0x0026,
    "experimental": 0x88B5,
}
IMITATIONS: dict[str, Layer] = {
    "nd-from-afar": nd(ICMPv6ND_NS(), hlim=254),
    "mld-from-afar": mld(ICMPv6MLReport2(), hlim=2),
    "mld-to-a-host": mld(ICMPv6MLReport2(), dst=frames.SERVER6),
    "echo": nd(ICMPv6EchoRequest()),
    "not-link-local": frames.ip6(src="fec0::1") / frames.udp(),
    "not-to-link-local": frames.ip6(dst="fe80::1") / frames.udp(),
    "unspecified": frames.ip6(src="::") / frames.udp(),
}


@pytest.mark.parametrize("port", list(Port))
@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("name", sorted(LINK_SCOPE))
def test_it_passes_and_leaves_the_stages(
    harness: Harness, name: str, link: str, port: Port
) -> None:
    data = bytes(frames.link(link) / LINK_SCOPE[name])
    assert_link_scope(harness, Frame(data, port))


@pytest.mark.parametrize("size", [0, 1, 46])
@pytest.mark.parametrize("link", sorted(frames.LINKS))
@pytest.mark.parametrize("name", sorted(LINK_SCOPE_ETHERTYPES))
def test_other_protocols_than_ip_pass(harness: Harness, name: str, link: str, size: int) -> None:
    data = bytes(frames.link(link, LINK_SCOPE_ETHERTYPES[name])) + b"\x42" * size
    assert_link_scope(harness, Frame(data))


@pytest.mark.parametrize("port", list(Port))
@pytest.mark.parametrize("dst", [frames.SERVER6, "2001:db8:1::1", "ff05::2", "ff0e::1", "fec0::1"])
def test_a_link_local_source_reaches_no_other_scope(harness: Harness, dst: str, port: Port) -> None:
    """RFC 4291, 2.5.6. Such a packet went past every stage, and was counted nowhere."""
    data = bytes(frames.link("untagged") / frames.ip6(src="fe80::1", dst=dst) / frames.tcp())
    packet = harness.run_one(Frame(data, port))
    assert Reason(packet.reason) is Reason.SOURCE_LINK_LOCAL


@pytest.mark.parametrize("name", sorted(IMITATIONS))
def test_what_could_come_from_afar_is_judged(harness: Harness, name: str) -> None:
    packet = harness.run_one(bytes(frames.link("untagged") / IMITATIONS[name]))
    assert not packet.flags & PacketFlag.LINK_SCOPE
    assert harness.burst.live_count == 1


def test_a_fragment_is_no_neighbour_discovery(harness: Harness) -> None:
    """RFC 6980: nobody accepts it."""
    fragment = frames.IPv6ExtHdrFragment(offset=10, nh=58) / Raw(b"\x87" + b"\0" * 31)
    packet = harness.run_one(bytes(frames.link("untagged") / frames.ip6(hlim=255) / fragment))
    assert not packet.flags & PacketFlag.LINK_SCOPE


def assert_link_scope(harness: Harness, frame: Frame) -> None:
    packet = harness.run_one(frame)
    assert Verdict(packet.verdict) is Verdict.PASS
    assert packet.flags & PacketFlag.LINK_SCOPE
    assert harness.burst.live_count == 0
    assert harness.bytes_of(packet) == frame.data
