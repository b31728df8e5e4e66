"""Packets for the differential test: mostly right, each with a lie or a wound here and there.

All randomness comes from the ``random.Random`` that is passed in. Hypothesis provides one that it
can shrink, so that the same builders serve it and the bulk that is merely seeded.
"""

from __future__ import annotations

import functools
import random
import struct
from ipaddress import IPv4Address, IPv6Address

from dataplane.native.abi import PacketFlag, Port
from tests.native import broken_frames, frames
from tests.native.encapsulated import VXLAN_PORT, label_stack, session
from tests.native.fuzz.test_fuzz import damaged
from tests.native.harness import Frame
from tests.native.tables.lists.lists_support import ipv4

CLIENTS4 = [IPv4Address("203.0.113.0") + i for i in range(8)]
SPECIAL4 = [
    IPv4Address(text)
    for text in (
        *(
            "127.0.0.1",
            "126.255.255.255",
            "128.0.0.0",
            "192.0.0.8",
            "192.0.0.9",
            "100.127.255.255",
            "8.8.8.8",
            "223.255.255.255",
            "224.0.0.1",
        ),
        *(
            "239.255.255.255",
            "224.0.0.18",
            "224.0.1.1",
            "240.0.0.1",
            "255.255.255.254",
            "255.255.255.255",
            "0.0.0.0",
        ),
    )
]
CLIENTS6 = [IPv6Address("2001:db8::") + i for i in range(8)]
SPECIAL6 = [
    IPv6Address(text)
    for text in (
        *("::", "::1", "::2", "fe80::1", "febf::1", "fec0::1", "fe7f::1", "ff02::1", "feff::1"),
        *(
            "64:ff9b::1",
            "64:ff9b:1::1",
            "3fff:fff::",
            "4000::",
            "2001:2:1::",
            "2001:2::1",
            "2606:4700::1",
        ),
        *("::ffff:203.0.113.1", "::ffff:127.0.0.1", "::1:ffff:203.0.113.1"),
        *("2002:cb00:7101::1", "2002:cb00:7105:ffff::1", "2003:cb00:7101::1", "2002:7f00:1::1"),
        *("2001:0:cb00:7101::1", "2001:0:cb00:7105:ffff::", "2001:1:cb00:7101::1"),
    )
]
PROTOCOLS4 = [6] * 6 + [17] * 4 + [1] * 3 + [58, 47, 50, 0, 255, 2, 88, 89, 103, 112]
PROTOCOLS6 = [6] * 6 + [17] * 4 + [58] * 5 + [1, 50, 59, 89, 255]
TCP_FLAGS = [0x02, 0x10, 0x12, 0x18, 0x11, 0x04, 0x14, 0x52, 0xC2]
ETHERTYPES = [
    *(0x0026, 0x0026, 0x05FF, 0x0600, 0x0800, 0x0806, 0x8035, 0x86DD, 0x8808, 0x8809, 0x8847),
    *(0x8848, 0x8863, 0x8864, 0x888E, 0x88CC, 0x88E5, 0x88F5, 0x88F7, 0x8902, 0x9000, 0x9200),
]
STATIONS = [
    bytes.fromhex(text)
    for text in (
        *["000000000000"] * 4,
        *("0180c2000000", "0180c200000f", "0180c2000010", "0180c2000014", "01000ccccccd"),
    )
]
FRAGMENTS = [0x2000, 0x2000, 0x2001, 1, 1, 2, 0x2002, 100, 8187, 8188, 8190, 8191, 0x3FFF, 0x8000]
OPTION_BYTES = [0, 0, 1, 1, 2, 3, 4, 0x44, 131, 137, 0xC2]
"""Their types, lengths and data."""
EXTENSIONS = [43, 44, 44, 51, 60, 60, 0]
PORTS = [53, 80, 123, 179, 520, 646, 3784, 4784, 40000]
"""Of both sides: few, so that rules about them are met."""
LABELS = [16, 16, 1000, 1000, 0, 2, 1, 13, 0xFFFFF]
"""Some say what follows."""
LIES = [-40, -20, -9, -8, -1, 1, 4, 8, 12, 1480, 60000]


def frame(rng: random.Random) -> Frame:
    """One packet, where it came in, and what a NIC or a capture says about it."""
    data = damaged(rng, rng.choice(samples())) if happens(rng, 0.25) else _built(rng)
    if happens(rng, 0.3):
        data += bytes([rng.choice((0, 0, 0x45, 0xFF))]) * rng.randrange(47)
    if happens(rng, 0.07):
        data = data[: rng.randrange(len(data) + 1)]
    length = len(data) + (rng.choice((1, 1480, 60000)) if happens(rng, 0.06) else 0)
    if happens(rng, 0.08):
        data = data[: rng.randrange(len(data) + 1)]
    flags = PacketFlag.CUT if happens(rng, 0.2) else PacketFlag(0)
    if happens(rng, 0.2):
        flags |= PacketFlag.CHECKSUM_GOOD
    if happens(rng, 0.1):
        flags |= PacketFlag.L4_GOOD
    return Frame(data, Port.INSIDE if happens(rng, 0.25) else Port.OUTSIDE, flags, length)


@functools.cache
def samples() -> list[bytes]:
    """What scapy makes: every kind of good frame, and every kind of broken one, behind 0-2 tags."""
    good = [frames.good(name, link) for name in sorted(frames.GOOD) for link in frames.LINKS]
    return good + [case.make(link) for case in broken_frames.broken() for link in frames.LINKS]


def happens(rng: random.Random, probability: float) -> bool:
    """False more often than not, and what a shrinking source of chance tends to."""
    return rng.randrange(1000) >= 1000 - 1000 * probability


def _built(rng: random.Random) -> bytes:
    is_ipv4 = happens(rng, 0.55)
    ethertype = 0x0800 if is_ipv4 else 0x86DD
    if happens(rng, 0.02):
        ethertype = rng.choice(ETHERTYPES)
    link = rng.choice(STATIONS) + bytes(6)
    for _ in range(rng.choice((0,) * 14 + (1, 1, 1, 2, 2, 3))):
        tag = rng.choice((0x8100, 0x88A8, 0x9100))
        link += struct.pack("!HH", tag, rng.getrandbits(16))
    packet = _ipv4(rng) if is_ipv4 else _ipv6(rng)
    if happens(rng, 0.15):
        is_ipv4, packet = _tunnelled(rng, ethertype, packet)
        ethertype = 0x0800 if is_ipv4 else 0x86DD
    if happens(rng, 0.12):
        ethertype, packet = _encapsulated(rng, ethertype, packet)
    return link + ethertype.to_bytes(2, "big") + packet


def _encapsulated(rng: random.Random, ethertype: int, packet: bytes) -> tuple[int, bytes]:
    """In MPLS or a PPPoE session: the EtherType, and what follows it."""
    if happens(rng, 0.5):
        labels = [rng.choice(LABELS) for _ in range(rng.choice((1, 1, 1, 2, 3, 15, 16, 17)))]
        stack = bytearray(label_stack(*labels))
        stack[4 * rng.randrange(len(labels)) + 2] ^= happens(rng, 0.1)  # the bit of the bottom
        return rng.choice((0x8847, 0x8847, 0x8848)), bytes(stack) + packet
    protocol = 0x21 if ethertype == 0x0800 else 0x57
    if happens(rng, 0.1):
        protocol = rng.choice((0x21, 0x57, 0x3D, 0xC021, 0xC0, 0xFF03))
    size = 1 if protocol < 256 and happens(rng, 0.2) else 2
    header = b"\x11\0" if not happens(rng, 0.05) else rng.choice((b"\x11\x09", b"\x21\0"))
    surplus = rng.choice(LIES) if happens(rng, 0.1) else 0
    surplus = max(surplus, -len(packet) - size)
    return 0x8864, session(
        protocol.to_bytes(size, "big") + packet, header=header, surplus=min(surplus, 60_000)
    )


def _tunnelled(rng: random.Random, ethertype: int, packet: bytes) -> tuple[bool, bytes]:
    """In VXLAN or GRE: whether the outer packet is IPv4, and the outer packet."""
    if happens(rng, 0.1):
        ethertype, packet = _encapsulated(rng, ethertype, packet)
    tags = b"".join(b"\x81\0" + bytes(2) for _ in range(rng.choice((0, 0, 0, 1, 2, 3))))
    bridged = bytes(12) + tags + ethertype.to_bytes(2, "big") + packet
    if happens(rng, 0.5):
        flags = 0x08 if not happens(rng, 0.05) else rng.choice((0, 0x0C, 0xF7))
        inside = bytes([flags]) + bytes(7) + bridged
        inside = inside[: rng.randrange(9)] if happens(rng, 0.03) else inside
        protocol = 17
        ports = struct.pack("!HH", rng.choice(PORTS), VXLAN_PORT)
        inside = ports + struct.pack("!HH", _lie(rng, 8 + len(inside)), 0) + inside
    else:
        protocol = 47
        flags = rng.choice((0, 0, 0, 0x2000, 0x8000, 0x1000, 0xB000))
        if happens(rng, 0.1):
            flags |= 1 << rng.randrange(16)
        fields = bytes(4 * (flags & 0xB000).bit_count())
        kind = rng.choice((ethertype, ethertype, ethertype, 0x6558, 0x6558, 0x883E, 0))
        redirect = bytes(4) if kind == 0x883E and happens(rng, 0.5) else b""
        inside = struct.pack("!HH", flags, kind) + fields + redirect
        inside += bridged if kind == 0x6558 else packet
        inside = inside[: rng.randrange(9)] if happens(rng, 0.03) else inside
    is_ipv4 = happens(rng, 0.6)
    make = _ipv4 if is_ipv4 else _ipv6
    return is_ipv4, make(rng, protocol, inside)


def _lie(rng: random.Random, value: int, most: int = 0xFFFF) -> int:
    """The value, or sometimes another that fits the field."""
    if not happens(rng, 0.05):
        return min(value, most)
    return min(max(value + rng.choice(LIES), 0), most)


def address4(rng: random.Random) -> IPv4Address:
    return rng.choice(SPECIAL4 if happens(rng, 0.08) else CLIENTS4)


def address6(rng: random.Random) -> IPv6Address:
    return rng.choice(SPECIAL6 if happens(rng, 0.15) else CLIENTS6)


def mapped_address(rng: random.Random) -> int:
    """One of either family, of 128 bits."""
    return ipv4(int(address4(rng))) if happens(rng, 0.6) else int(address6(rng))


def _ipv4(rng: random.Random, protocol: int | None = None, payload: bytes = b"") -> bytes:
    """A packet with the payload of a protocol; None: any."""
    words = rng.randrange(6, 16) if happens(rng, 0.15) else 5
    if protocol is None:
        protocol = rng.choice(PROTOCOLS4)
        payload = _transport(rng, protocol, 4)
    first = 0x40 | words
    if happens(rng, 0.03):
        first = rng.choice((0x44, 0x40, 0x46, 0x4F, 0x55, 0x65))
    fragment = rng.choice(FRAGMENTS) if happens(rng, 0.15) else rng.choice((0, 0x4000))
    total = _lie(rng, words * 4 + len(payload))
    ttl = rng.choice((1, 2, 254, 255)) if happens(rng, 0.2) else 64
    header = struct.pack(
        "!BBHHHBBH", first, 0, total, rng.getrandbits(16), fragment, ttl, protocol, 0
    )
    header += address4(rng).packed + address4(rng).packed + _options(rng, words * 4 - 20)
    whole = (first & 0x0F) * 4 <= len(header) and first & 0x0F >= 5
    if whole:
        header = frames.with_right_checksum(header, 0)
    return (_other_checksum(rng, header) if happens(rng, 0.06) else header) + payload


def _other_checksum(rng: random.Random, header: bytes) -> bytes:
    """Mostly one beside the right one, as a lost carry would make it; 0 and 0xffff are one number
    in one's complement."""
    right = int.from_bytes(header[10:12], "big")
    wrong = rng.choice((0, 0xFFFF, right + 1, right - 1, right + 0x100)) & 0xFFFF
    return header[:10] + wrong.to_bytes(2, "big") + header[12:]


def _ipv6(rng: random.Random, protocol: int | None = None, payload: bytes = b"") -> bytes:
    """A packet with the payload of a protocol; None: any."""
    if protocol is None:
        protocol = rng.choice(PROTOCOLS6)
        payload = _transport(rng, protocol, 6)
    following = protocol
    chain = rng.choice((0,) * 12 + (1,) * 6 + (2, 2, 3, 4, 8, 8, 9))
    for i in range(chain):  # from the last to the first
        kind = rng.choice(EXTENSIONS)
        if kind == 0 and i < chain - 1 and not happens(rng, 0.2):
            kind = 60
        payload = _extension(rng, kind, following) + payload
        following = kind
    length = 0 if happens(rng, 0.02) else _lie(rng, len(payload))
    first = 0x45000000 if happens(rng, 0.01) else 0x60000000
    header = struct.pack("!IHBB", first, length, following, rng.choice((64, 64, 255, 1)))
    return header + address6(rng).packed + address6(rng).packed + payload


def _extension(rng: random.Random, kind: int, following: int) -> bytes:
    if kind == 44:
        field = rng.choice((0, 6, 1, 1, 8, 9, 16, 800, 65488, 65520, 65528, 65529))
        return struct.pack("!BBHI", following, rng.choice((0, 3)), field, 0)
    units = rng.randrange(3)
    if kind == 51:
        body = _options(rng, 4 * (units + 3) - 2)
        return bytes([following, _lie(rng, units + 1, 255)]) + body
    return bytes([following, _lie(rng, units, 255)]) + _options(rng, 8 * (units + 1) - 2)


def _options(rng: random.Random, size: int) -> bytes:
    """Of IPv4 or of an extension header: nothing, noise, or what could be options."""
    if happens(rng, 0.3):
        return bytes(rng.choice(OPTION_BYTES) for _ in range(size))
    return rng.randbytes(size) if happens(rng, 0.1) else bytes(size)


def _transport(rng: random.Random, protocol: int, version: int) -> bytes:
    if protocol == 6:
        return _tcp(rng)
    if protocol == 17:
        body = rng.randbytes(rng.choice((0, 0, 4, 20)))
        return _port_pair(rng) + struct.pack("!HH", _lie(rng, 8 + len(body)), 0) + body
    if protocol in (1, 58):
        return _icmp(rng, version)
    return bytes(rng.choice((0, 3, 8, 24)))


def _tcp(rng: random.Random) -> bytes:
    words = rng.choice((5,) * 8 + (6, 8, 15))
    flags = rng.getrandbits(8) if happens(rng, 0.15) else rng.choice(TCP_FLAGS)
    claimed = _lie(rng, words, 15)
    fixed = struct.pack("!IIBBHHH", 1, 1, claimed << 4, flags, 1024, 0, 0)
    return _port_pair(rng) + fixed + bytes(words * 4 - 20) + bytes(rng.choice((0, 0, 5)))


def _port_pair(rng: random.Random) -> bytes:
    return struct.pack("!HH", rng.choice(PORTS), rng.choice(PORTS))


def _icmp(rng: random.Random, version: int) -> bytes:
    if version == 4:
        kind = rng.choice((0, 8, 3, 4, 5, 6, 11, 12, 13))
        quote = bytes([0x45]) + bytes(11) + address4(rng).packed + address4(rng).packed
    else:
        kind = rng.choice((1, 2, 3, 4, 127, 128, 129, 130, 131, 132, 133, 135, 137, 138, 143, 144))
        quote = bytes([0x60]) + bytes(7) + address6(rng).packed + address6(rng).packed
    if happens(rng, 0.1):
        quote = bytes([rng.choice((0x45, 0x60))]) + quote[1:]
    if happens(rng, 0.2):
        quote = quote[: rng.randrange(len(quote))]
    return bytes([kind]) + bytes(7) + quote
