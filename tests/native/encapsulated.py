"""Frames that carry an IP packet inside an encapsulation, made from bare ones."""

from __future__ import annotations

import struct

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

from dataplane.native.abi import Encapsulation, Port
from dataplane.policy.rules.packets.encapsulation import VXLAN_PORT
from tests.native import frames

BOTTOM = 1 << 8
LABEL = 1_000
"""Of no special meaning: those below 16 are reserved (RFC 3032, section 2.1)."""
TAGS = {0x8100, 0x88A8, 0x9100}
PPP = {0x0800: 0x21, 0x86DD: 0x57}


def label_stack(*labels: int) -> bytes:
    """Entries with TTL 64, the last of which is the bottom."""
    entries = [label << 12 | 64 for label in labels]
    return b"".join(struct.pack("!I", one) for one in [*entries[:-1], entries[-1] | BOTTOM])


def session(payload: bytes, *, header: bytes = b"\x11\0", surplus: int = 0) -> bytes:
    """A PPPoE header ahead of PPP's protocol and what follows; ``surplus``: bytes more claimed."""
    return header + struct.pack("!HH", 5, len(payload) + surplus) + payload


def split(frame: bytes) -> tuple[bytes, int, bytes]:
    """Stations and tags of a frame, the EtherType behind them, and the rest."""
    at = 12
    while int.from_bytes(frame[at : at + 2], "big") in TAGS:
        at += 4
    return frame[:at], int.from_bytes(frame[at : at + 2], "big"), frame[at + 2 :]


def in_mpls(frame: bytes, *labels: int, ethertype: int = 0x8847) -> bytes:
    """The frame, its network packet behind a label stack; behind its tags, as before."""
    link, _, packet = split(frame)
    return link + ethertype.to_bytes(2, "big") + label_stack(*(labels or (LABEL,))) + packet


def in_pppoe(frame: bytes, *, compressed: bool = False) -> bytes:
    """The frame, its network packet in a PPPoE session."""
    link, ethertype, packet = split(frame)
    protocol = PPP[ethertype].to_bytes(1 if compressed else 2, "big")
    return link + b"\x88\x64" + session(protocol + packet)


ENDPOINT4, ENDPOINT6 = "198.51.100.9", "2001:db8:9::9"
SENDER4, SENDER6 = "192.0.2.77", "2001:db8:77::77"
"""The two ends of a tunnel: the endpoint is inside."""


def tunnelled(
    payload: bytes, protocol: int, *, side: Port = Port.OUTSIDE, version: int = 4, **fields: object
) -> bytes:
    """A frame from the sender to the endpoint, or back if it comes from inside."""
    is_ipv4 = version == 4
    ends = (SENDER4, ENDPOINT4) if is_ipv4 else (SENDER6, ENDPOINT6)
    source, destination = ends if side is Port.OUTSIDE else ends[::-1]
    if is_ipv4:
        header = IP(src=source, dst=destination, proto=protocol, **fields)
    else:
        header = IPv6(src=source, dst=destination, nh=protocol, **fields)
    return bytes(frames.link("untagged") / header / payload)


def gre(payload: bytes, protocol: int, *, flags: int = 0) -> bytes:
    """A GRE header with zeros in the fields that its flags declare."""
    fields = bytes(4 * (flags & 0xB000).bit_count())
    return struct.pack("!HH", flags, protocol) + fields + payload


def vxlan(frame: bytes, *, flags: int = 0x08, port: int = VXLAN_PORT, surplus: int = 0) -> bytes:
    """A UDP datagram with a VXLAN header and a frame."""
    payload = bytes([flags]) + bytes(7) + frame
    return struct.pack("!HHHH", 40_000, port, 8 + len(payload) + surplus, 0) + payload


def in_vxlan(frame: bytes, *, side: Port = Port.OUTSIDE, version: int = 4) -> bytes:
    """The frame, inside VXLAN between the two ends."""
    return tunnelled(vxlan(frame), 17, side=side, version=version)


def in_gre(
    frame: bytes, *, side: Port = Port.OUTSIDE, version: int = 4, bridged: bool = False
) -> bytes:
    """The frame or its network packet, inside GRE between the two ends."""
    _, ethertype, packet = split(frame)
    inside = gre(frame, 0x6558) if bridged else gre(packet, ethertype)
    return tunnelled(inside, 47, side=side, version=version)


def good(kind: Encapsulation, name: str, link: str = "untagged") -> bytes:
    """A good frame of ``frames``, encapsulated."""
    bare = frames.good(name, link)
    return in_mpls(bare) if kind is Encapsulation.MPLS else in_pppoe(bare)
