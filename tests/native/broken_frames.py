"""Frames for the native tests that break one rule each, by the reason of the drop.

Built by scapy, broken by hand; each behind no tag, a VLAN tag, or two.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from scapy.layers.inet import ICMP, IPOption_LSRR, IPOption_SSRR
from scapy.layers.inet6 import (
    ICMPv6ND_Redirect,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Jumbo,
    PadN,
)
from scapy.packet import Packet as Layer
from scapy.packet import Raw

from dataplane.native.abi import Reason
from tests.native.frames import (
    GOOD,
    LINKS,
    NOP,
    SERVER4,
    SERVER6,
    TIMESTAMP,
    destination_options,
    ip4,
    ip6,
    link,
    tcp,
    udp,
    with_right_checksum,
)


@dataclass(frozen=True)
class Broken:
    """One way to break one rule; ``make(link kind)`` gives the frame."""

    reason: Reason
    name: str
    make: Callable[[str], bytes]
    family: int


def broken() -> Iterator[Broken]:
    """Every case; a frame breaks no rule but its own."""
    for reason, name, make in _CASES:
        yield Broken(reason, name, make, 6 if "ipv6" in name else 4)


def _layers(make: Callable[[], Layer]) -> Callable[[str], bytes]:
    return lambda kind: bytes(link(kind) / make())


def _cut(make: Callable[[], Layer], size: int) -> Callable[[str], bytes]:
    """The frame ends ``size`` bytes behind the start of its network header."""
    return lambda kind: bytes(link(kind) / make())[: LINKS[kind] + size]


def _patched(
    make: Callable[[], Layer], offset: int, value: bytes, *, checksum: bool = True
) -> Callable[[str], bytes]:
    """Bytes at an offset of the network header replaced."""

    def patch(kind: str) -> bytes:
        frame = bytearray(bytes(link(kind) / make()))
        at = LINKS[kind] + offset
        frame[at : at + len(value)] = value
        l3 = LINKS[kind]
        is_ipv4 = frame[l3] >> 4 == 4 and frame[l3] & 0x0F >= 5
        return with_right_checksum(bytes(frame), l3) if is_ipv4 and checksum else bytes(frame)

    return patch


def _cut_link(kind: str) -> bytes:
    return bytes(link(kind))[: LINKS[kind] - 1]


def _tags(kind: str) -> bytes:
    tags = {"untagged": [0x8100, 0x8100, 0x8100], "vlan": [0x88A8, 0x8100, 0x8100]}
    layers = b"".join(struct.pack("!HH", t, 7) for t in tags.get(kind, [0x9100, 0x9100, 0x9100]))
    return b"\x02" * 12 + layers + b"\x08\0" + bytes(ip4() / tcp())


def _options4() -> Layer:
    return ip4(options=[TIMESTAMP]) / tcp()


def _second_hop_by_hop() -> Layer:
    return ip6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrHopByHop() / tcp()


def _two_fragment_headers() -> Layer:
    inner = IPv6ExtHdrFragment(m=1, nh=17) / udp(len=1000) / Raw(b"x" * 32)
    return ip6() / IPv6ExtHdrFragment(m=1, nh=44) / inner


def _fragment_then_atomic() -> Layer:
    return ip6() / IPv6ExtHdrFragment(m=1, nh=44) / IPv6ExtHdrFragment(nh=6) / tcp()


def _two_atomic_fragment_headers() -> Layer:
    return ip6() / IPv6ExtHdrFragment(nh=44) / IPv6ExtHdrFragment(nh=6) / tcp()


def _pad4(size: int, **fields: object) -> Layer:
    return ip4(**fields) / tcp() / Raw(b"\0" * size)


_IP4_TCP = GOOD["ipv4-tcp"]
_IP6_TCP = GOOD["ipv6-tcp"]
_Case = tuple[Reason, str, Callable[[str], bytes]]
_CASES: list[_Case] = [
    (Reason.ETHERNET_TRUNCATED, "link cut", _cut_link),
    (Reason.VLAN_DEPTH, "three tags", _tags),
    (Reason.IP_TRUNCATED, "ipv4 header cut", _cut(_IP4_TCP, 19)),
    (Reason.IP_TRUNCATED, "ipv4 options cut", _cut(_options4, 27)),
    (Reason.IP_TRUNCATED, "ipv6 header cut", _cut(_IP6_TCP, 39)),
    (Reason.IP_VERSION, "ipv4 says 6", _patched(_IP4_TCP, 0, b"\x65")),
    (Reason.IP_VERSION, "ipv6 says 4", _patched(_IP6_TCP, 0, b"\x44")),
    (Reason.IP_HEADER_LENGTH, "ipv4 16 bytes", _patched(_IP4_TCP, 0, b"\x44")),
    (
        Reason.IP_HEADER_LENGTH,
        "ipv4 beyond its total length",
        _patched(lambda: _pad4(40, len=40), 0, b"\x4f"),
    ),
    (Reason.IP_LENGTH, "ipv4 beyond the frame", _layers(lambda: ip4(len=100) / tcp())),
    (Reason.IP_LENGTH, "ipv4 below its header", _layers(lambda: ip4(len=19) / tcp())),
    (Reason.IP_LENGTH, "ipv4 zero", _layers(lambda: ip4(len=0) / tcp())),
    (Reason.IP_LENGTH, "ipv6 beyond the frame", _layers(lambda: ip6(plen=21) / tcp())),
    (
        Reason.IP_LENGTH,
        "ipv6 jumbogram",
        _layers(lambda: ip6(plen=0) / IPv6ExtHdrHopByHop() / tcp()),
    ),
    (Reason.IP_CHECKSUM, "ipv4 wrong", _layers(lambda: ip4(chksum=0x1234) / tcp())),
    (Reason.IP_CHECKSUM, "ipv4 zero", _layers(lambda: ip4(chksum=0) / udp())),
    (
        Reason.IP_CHECKSUM,
        "ipv4 wrong with options",
        _layers(lambda: ip4(chksum=0x1234, options=[TIMESTAMP]) / tcp()),
    ),
    (Reason.IPV6_EXTENSION, "ipv6 nine", _layers(lambda: destination_options(9) / tcp())),
    (Reason.IPV6_EXTENSION, "ipv6 hop-by-hop second", _layers(_second_hop_by_hop)),
    (Reason.IPV6_EXTENSION, "ipv6 ends inside", _layers(lambda: ip6(nh=60) / Raw(b"\x06\0\0\0"))),
    (
        Reason.IPV6_EXTENSION,
        "ipv6 longer than the packet",
        _layers(lambda: ip6(nh=60) / Raw(b"\x06\x02" + b"\0" * 14)),
    ),
    (
        Reason.IPV6_EXTENSION,
        "ipv6 authentication of 8 bytes",
        _layers(lambda: ip6(nh=51) / Raw(b"\x06\x00" + b"\0" * 30)),
    ),
    (Reason.IPV6_EXTENSION, "ipv6 two fragment headers", _layers(_two_fragment_headers)),
    (Reason.IPV6_EXTENSION, "ipv6 fragment then atomic", _layers(_fragment_then_atomic)),
    (Reason.IPV6_EXTENSION, "ipv6 two atomic", _layers(_two_atomic_fragment_headers)),
    (
        Reason.FRAGMENT,
        "ipv4 tcp at offset 8",
        _layers(lambda: ip4(frag=1, proto=6) / Raw(b"x" * 24)),
    ),
    (
        Reason.FRAGMENT,
        "ipv4 tiny first",
        _layers(lambda: ip4(flags="MF", proto=6) / Raw(b"x" * 8)),
    ),
    (
        Reason.FRAGMENT,
        "ipv4 options of tcp hidden",
        _layers(lambda: ip4(flags="MF") / tcp(dataofs=8)),
    ),
    (
        Reason.FRAGMENT,
        "ipv4 beyond 65535",
        _layers(lambda: ip4(frag=8187, proto=17) / Raw(b"x" * 20)),
    ),
    (Reason.FRAGMENT, "ipv4 empty", _layers(lambda: ip4(frag=100, proto=17))),
    (
        Reason.FRAGMENT,
        "ipv6 tcp at offset 8",
        _layers(lambda: ip6() / IPv6ExtHdrFragment(offset=1, nh=6) / Raw(b"x" * 24)),
    ),
    (
        Reason.FRAGMENT,
        "ipv6 tiny first",
        _layers(lambda: ip6() / IPv6ExtHdrFragment(m=1, nh=6) / Raw(b"x" * 8)),
    ),
    (
        Reason.FRAGMENT,
        "ipv6 chain hidden",
        _layers(lambda: ip6() / IPv6ExtHdrFragment(m=1, nh=60) / Raw(b"\x06\x02" + b"\0" * 6)),
    ),
    (
        Reason.FRAGMENT,
        "ipv6 beyond 65535",
        _layers(lambda: ip6() / IPv6ExtHdrFragment(offset=8190, nh=17) / Raw(b"x" * 16)),
    ),
    (
        Reason.FRAGMENT,
        "ipv6 beyond 65535 with its extension headers",
        _layers(
            lambda: (
                ip6() / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment(offset=8190, nh=17) / Raw(b"x" * 8)
            )
        ),
    ),
    (
        Reason.FRAGMENT,
        "ipv6 empty",
        _layers(lambda: ip6() / IPv6ExtHdrFragment(offset=100, nh=17)),
    ),
    (Reason.L4_TRUNCATED, "ipv4 tcp", _layers(lambda: ip4(proto=6) / Raw(b"\0" * 19))),
    (Reason.L4_TRUNCATED, "ipv4 udp", _layers(lambda: ip4(proto=17) / Raw(b"\0" * 7))),
    (Reason.L4_TRUNCATED, "ipv4 icmp", _layers(lambda: ip4(proto=1) / Raw(b"\x08" + b"\0" * 6))),
    (Reason.L4_TRUNCATED, "ipv4 nothing", _layers(lambda: ip4(proto=6))),
    (
        Reason.L4_TRUNCATED,
        "ipv4 tcp in padding",
        _layers(lambda: ip4(proto=6, len=30) / Raw(b"\0" * 26)),
    ),
    (Reason.L4_TRUNCATED, "ipv6 tcp", _layers(lambda: ip6(nh=6) / Raw(b"\0" * 19))),
    (Reason.L4_TRUNCATED, "ipv6 udp", _layers(lambda: ip6(nh=17) / Raw(b"\0" * 7))),
    (Reason.L4_TRUNCATED, "ipv6 icmp", _layers(lambda: ip6(nh=58) / Raw(b"\x80" + b"\0" * 6))),
    (Reason.TCP_HEADER_LENGTH, "ipv4 16 bytes", _layers(lambda: ip4() / tcp(dataofs=4))),
    (Reason.TCP_HEADER_LENGTH, "ipv4 beyond", _layers(lambda: ip4() / tcp(dataofs=6))),
    (Reason.TCP_HEADER_LENGTH, "ipv6 16 bytes", _layers(lambda: ip6() / tcp(dataofs=4))),
    (Reason.TCP_HEADER_LENGTH, "ipv6 beyond", _layers(lambda: ip6() / tcp(dataofs=6))),
    *[
        (Reason.TCP_FLAGS, f"{family} {flags or 'null'}", _layers(make))
        for flags in ("", "SF", "SR", "FRA", "F", "P", "U", "FPU", "SFRPAU")
        for family, make in (
            ("ipv4", lambda flags=flags: ip4() / tcp(flags)),
            ("ipv6", lambda flags=flags: ip6() / tcp(flags)),
        )
    ],
    (Reason.TCP_FLAGS, "ipv4 null behind options", _layers(lambda: _options4_flags(""))),
    (Reason.UDP_LENGTH, "ipv4 below 8", _layers(lambda: ip4() / udp(len=7))),
    (Reason.UDP_LENGTH, "ipv4 beyond", _layers(lambda: ip4() / udp(len=9))),
    (Reason.UDP_LENGTH, "ipv6 below 8", _layers(lambda: ip6() / udp(len=7))),
    (Reason.UDP_LENGTH, "ipv6 beyond", _layers(lambda: ip6() / udp(len=9))),
    (Reason.LAND, "ipv4", _layers(lambda: ip4(src=SERVER4) / tcp())),
    (Reason.LAND, "ipv6", _layers(lambda: ip6(src=SERVER6) / udp())),
    (Reason.SOURCE_MULTICAST, "ipv4 first", _layers(lambda: ip4(src="224.0.0.1") / udp())),
    (Reason.SOURCE_MULTICAST, "ipv4 last", _layers(lambda: ip4(src="239.255.255.255") / udp())),
    (Reason.SOURCE_MULTICAST, "ipv6", _layers(lambda: ip6(src="ff02::1") / udp())),
    (Reason.SOURCE_BROADCAST, "ipv4", _layers(lambda: ip4(src="255.255.255.255") / udp())),
    (Reason.SOURCE_LOOPBACK, "ipv4", _layers(lambda: ip4(src="127.0.0.1") / tcp())),
    (Reason.SOURCE_LOOPBACK, "ipv4 last", _layers(lambda: ip4(src="127.255.255.255") / tcp())),
    (Reason.SOURCE_LOOPBACK, "ipv6", _layers(lambda: ip6(src="::1") / tcp())),
    (Reason.SOURCE_UNUSABLE, "ipv4 this", _layers(lambda: ip4(src="0.0.0.0") / tcp())),
    (Reason.SOURCE_UNUSABLE, "ipv4 this network", _layers(lambda: ip4(src="0.255.0.1") / tcp())),
    (Reason.SOURCE_UNUSABLE, "ipv4 reserved", _layers(lambda: ip4(src="240.0.0.1") / tcp())),
    (
        Reason.SOURCE_UNUSABLE,
        "ipv4 reserved behind options",
        _layers(lambda: ip4(src="255.255.255.254", options=[TIMESTAMP]) / tcp()),
    ),
    (Reason.SOURCE_UNUSABLE, "ipv6 unspecified", _layers(lambda: ip6(src="::") / tcp())),
    *[
        (Reason.SOURCE_ROUTE, f"ipv4 option {option.option} {place}", _layers(make))
        for option in (IPOption_LSRR(routers=[SERVER4]), IPOption_SSRR(routers=[SERVER4]))
        for place, make in (
            ("alone", lambda option=option: ip4(options=[option]) / tcp()),
            ("later", lambda option=option: ip4(options=[NOP, TIMESTAMP, option]) / udp()),
        )
    ],
    (
        Reason.SOURCE_ROUTE,
        "ipv6 routing header 0",
        _layers(lambda: ip6() / IPv6ExtHdrRouting(addresses=["2001:db8::9"], segleft=1) / tcp()),
    ),
    (
        Reason.IP_LENGTH,
        "ipv6 jumbo option with a payload length",
        _layers(lambda: ip6() / IPv6ExtHdrHopByHop(options=[PadN(), Jumbo()]) / tcp()),
    ),
    *[
        (
            Reason.FRAGMENT,
            f"ipv6 at offset 8 behind {kind}",
            _layers(
                lambda kind=kind: ip6() / IPv6ExtHdrFragment(offset=1, nh=kind) / Raw(b"x" * 24)
            ),
        )
        for kind in (60, 43, 51)
    ],
    (Reason.ICMP_REDIRECT, "ipv4", _layers(lambda: ip4() / ICMP(type=5, code=1) / ip4() / udp())),
    (
        Reason.ICMP_REDIRECT,
        "ipv4 behind options",
        _layers(lambda: ip4(options=[TIMESTAMP]) / ICMP(type=5, code=1) / ip4() / udp()),
    ),
    (Reason.ICMP_REDIRECT, "ipv6 from afar", _layers(lambda: ip6() / ICMPv6ND_Redirect())),
    (
        Reason.ICMP_REDIRECT,
        "ipv6 not of a router",
        _layers(lambda: ip6(hlim=255) / ICMPv6ND_Redirect()),
    ),
    (Reason.SOURCE_LINK_LOCAL, "ipv6 first", _layers(lambda: ip6(src="fe80::") / tcp())),
    (Reason.SOURCE_LINK_LOCAL, "ipv6 last", _layers(lambda: ip6(src="febf:ffff::") / udp())),
]


def _options4_flags(flags: str) -> Layer:
    return ip4(options=[TIMESTAMP]) / tcp(flags)
