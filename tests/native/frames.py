"""Good frames of every kind for the native tests, and their parts.

Built by scapy; each behind no tag, a VLAN tag, or two. Broken ones are in `broken_frames`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP, IPOption_Timestamp
from scapy.layers.inet6 import (
    ICMPv6DestUnreach,
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet as Layer
from scapy.packet import Raw

CLIENT4, SERVER4 = "203.0.113.7", "198.51.100.10"
CLIENT6, SERVER6 = "2001:db8::7", "2001:db8:1::10"
LINKS = {"untagged": 14, "vlan": 18, "qinq": 22}
"""Offset of the network header behind each."""


def link(kind: str, ethertype: int | None = None) -> Layer:
    """The layers ahead of the network header."""
    extra = {} if ethertype is None else {"type": ethertype}
    ether = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
    if kind == "untagged":
        return Ether(**ether, **extra)
    if kind == "vlan":
        return Ether(**ether) / Dot1Q(vlan=7, **extra)
    return Ether(**ether) / Dot1AD(vlan=5) / Dot1Q(vlan=7, **extra)


def ip4(**fields: object) -> Layer:
    """An IPv4 header from client to server."""
    return IP(**{"src": CLIENT4, "dst": SERVER4} | fields)


def ip6(**fields: object) -> Layer:
    """An IPv6 header from client to server."""
    return IPv6(**{"src": CLIENT6, "dst": SERVER6} | fields)


def tcp(flags: str = "S", **fields: object) -> Layer:
    """A TCP header."""
    return TCP(sport=40000, dport=80, flags=flags, **fields)


def udp(**fields: object) -> Layer:
    """A UDP header."""
    return UDP(**{"sport": 40000, "dport": 53} | fields)


def with_right_checksum(frame: bytes, l3: int) -> bytes:
    """The frame with the checksum that its IPv4 header, as long as it claims to be, should have."""
    size = (frame[l3] & 0x0F) * 4
    header = bytearray(frame[l3 : l3 + size])
    header[10:12] = b"\0\0"
    total = sum(struct.unpack(f"!{size // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    header[10:12] = struct.pack("!H", total ^ 0xFFFF)
    return frame[:l3] + bytes(header) + frame[l3 + size :]


def with_tcp_checksum(segment: bytes, *addresses: bytes) -> bytes:
    """A TCP segment, its header at the front, with the checksum that it should have."""
    segment = segment[:16] + bytes(2) + segment[18:]
    covered = b"".join(addresses) + struct.pack("!HH", 6, len(segment)) + segment
    covered += bytes(len(covered) % 2)
    total = sum(struct.unpack(f"!{len(covered) // 2}H", covered)) % 0xFFFF
    return segment[:16] + struct.pack("!H", total ^ 0xFFFF) + segment[18:]


TIMESTAMP = IPOption_Timestamp(flg=0, timestamp=1)
NOP = IPOption_NOP()

GOOD: dict[str, Callable[[], Layer]] = {
    "ipv4-tcp": lambda: ip4() / tcp() / Raw(b"hello"),
    "ipv4-tcp-options": lambda: ip4() / tcp(options=[("MSS", 1460), ("WScale", 7)]),
    "ipv4-udp": lambda: ip4() / udp() / Raw(b"question" * 4),
    "ipv4-udp-empty": lambda: ip4() / udp(),
    "ipv4-icmp": lambda: ip4() / ICMP() / Raw(b"ping"),
    "ipv4-icmp-error": lambda: ip4() / ICMP(type=3, code=4) / ip4() / udp(),
    "ipv4-options": lambda: ip4(options=[TIMESTAMP]) / tcp(),
    "ipv4-fragment-first": lambda: ip4(flags="MF", proto=17) / udp(len=1000) / Raw(b"x" * 32),
    "ipv4-fragment-later": lambda: ip4(frag=100, proto=6) / Raw(b"x" * 40),
    "ipv4-fragment-last-possible": lambda: ip4(frag=8187, proto=17) / Raw(b"x" * 19),
    "ipv4-gre": lambda: ip4(proto=47) / Raw(b"\0" * 8),
    "ipv4-esp": lambda: ip4(proto=50) / Raw(b"\0" * 16),
    "ipv4-dhcp": lambda: (
        ip4(src="0.0.0.0", dst="255.255.255.255") / udp(sport=68, dport=67) / Raw(b"\1" * 240)
    ),
    "ipv6-tcp": lambda: ip6() / tcp() / Raw(b"hello"),
    "ipv6-tcp-options": lambda: ip6() / tcp(options=[("MSS", 1440), ("WScale", 7)]),
    "ipv6-udp": lambda: ip6() / udp() / Raw(b"question"),
    "ipv6-icmp": lambda: ip6() / ICMPv6EchoRequest(data=b"ping"),
    "ipv6-icmp-error": lambda: ip6() / ICMPv6DestUnreach() / ip6() / udp(),
    "ipv6-extensions": lambda: (
        ip6()
        / IPv6ExtHdrHopByHop()
        / IPv6ExtHdrDestOpt()
        / IPv6ExtHdrRouting(addresses=["2001:db8::9"], segleft=0, nh=51)
        / Raw(b"\x06\x04" + b"\0" * 22)  # authentication header of 24 bytes
        / tcp()
    ),
    "ipv6-eight-extensions": lambda: destination_options(8) / tcp(),
    "ipv6-fragment-first": lambda: (
        ip6() / IPv6ExtHdrFragment(m=1, nh=17) / udp(len=1000) / Raw(b"x" * 32)
    ),
    "ipv6-fragment-later": lambda: ip6() / IPv6ExtHdrFragment(offset=100, nh=6) / Raw(b"x" * 40),
    "ipv6-fragment-last-possible": lambda: (
        ip6() / IPv6ExtHdrFragment(offset=8190, nh=17) / Raw(b"x" * 15)
    ),
    "ipv6-fragment-atomic": lambda: ip6() / IPv6ExtHdrFragment(nh=6) / tcp(),
    "ipv6-esp": lambda: ip6(nh=50) / Raw(b"\0" * 16),
    "ipv6-no-next-header": lambda: ip6(nh=59),
}
"""Every kind of packet the parser knows, without its link layer."""


def good(name: str, link_kind: str = "untagged") -> bytes:
    """A good frame by name."""
    return bytes(link(link_kind) / GOOD[name]())


def destination_options(count: int) -> Layer:
    """An IPv6 header with so many extension headers."""
    layer = ip6()
    for _ in range(count):
        layer = layer / IPv6ExtHdrDestOpt()
    return layer
