"""Reads TCP options, builds frames of the node's own, rewrites headers.

Options: RFC 9293, section 3.2; RFC 7323; RFC 2018. The checksum of a rewritten header is computed
from the one before (RFC 1624, equation 3), so that a wrong one stays wrong.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

from dataplane.model.packet import TCP, Packet, number

TCP_BYTES = 20
SCALE_MAX = 14
"""RFC 7323, section 2.3."""
END, NOP, MSS, SCALE, MAY_SACK, SACK, TIMES = 0, 1, 2, 3, 4, 5, 8
FRAME_MIN = 60
CHECKSUM = 16
ADDRESSES = {4: (12, 4), 6: (8, 16)}
"""Offset and length of the two addresses in an IP header."""


@dataclass
class Options:
    """The options of a header that are well formed, up to the first one that is not."""

    mss: int = 0
    """0: there is no such option."""
    scale: int | None = None
    may_sack: bool = False
    times: tuple[int, int] | None = None
    """Value and echo."""
    is_signed: bool = False
    """Signed by TCP-MD5 (RFC 2385) or TCP-AO (RFC 5925)."""
    times_offset: int = 0
    """Offset from the header's first byte, as the next field."""
    sack_offset: int = 0
    sack_edges: int = 0
    """Twice the number of blocks."""


def read_options(packet: Packet) -> Options:
    """The options of a TCP header; for repeated ones the last counts."""
    found = Options()
    header = packet.data[packet.l4_offset : packet.payload_offset]
    at = TCP_BYTES
    while at < len(header) and header[at] != END:
        if header[at] == NOP:
            at += 1
            continue
        size = header[at + 1] if at + 1 < len(header) else 0
        if not 2 <= size <= len(header) - at:
            break
        _read(found, header, at, size)
        at += size
    return found


def _read(found: Options, header: bytes, at: int, size: int) -> None:
    match header[at], size:
        case 2, 4:
            found.mss = number(header, at + 2)
        case 3, 3:
            found.scale = min(header[at + 2], SCALE_MAX)
        case 4, 2:
            found.may_sack = True
        case 8, 10:
            value, echo = struct.unpack_from("!II", header, at + 2)
            found.times, found.times_offset = (value, echo), at + 2
        case 5, _ if size > 2 and (size - 2) % 8 == 0:
            found.sack_offset, found.sack_edges = at + 2, (size - 2) // 4
        case ((19 | 29), _):
            found.is_signed = True


class IpFields(NamedTuple):
    """The fields of the IP header of a frame that the node originates."""

    lifetime: int
    """TTL or hop limit."""
    traffic_class: int
    """DSCP << 2; ECN is 0."""


def ip_fields(packet: Packet) -> IpFields:
    """The fields of a packet, without ECN, which is about that packet only."""
    ip = packet.data[packet.l3_offset :]
    if packet.ip_version == 4:
        return IpFields(ip[8], ip[1] & 0xFC)
    return IpFields(ip[7], number(ip, 0) >> 4 & 0xFC)


@dataclass(frozen=True)
class Header:
    """The TCP fields of a frame that the node originates."""

    sequence: int
    flags: int
    ip: IpFields
    acknowledgment: int = 0
    window: int = 0
    mss: int = 0
    scale: int | None = None
    may_sack: bool = False
    times: tuple[int, int] | None = None


def written(like: Packet, header: Header, *, back: bool, payload: bytes = b"") -> bytes:
    """A frame between the hosts of a TCP packet, in its VLANs, without padding.

    ``back``: to the origin of that packet; else to its destination.
    """
    link, ip = like.data[: like.l3_offset], like.data[like.l3_offset :]
    first, size = ADDRESSES[like.ip_version]
    hosts = ip[first : first + size], ip[first + size : first + 2 * size]
    ports = like.data[like.l4_offset : like.l4_offset + 4]
    if back:
        link = link[6:12] + link[:6] + link[12:]
        hosts, ports = hosts[::-1], ports[2:] + ports[:2]
    options = _options(header)
    flags = (TCP_BYTES + len(options)) // 4 << 12 | header.flags
    numbers = header.sequence, header.acknowledgment
    tcp = ports + struct.pack("!IIHHHH", *numbers, flags, header.window, 0, 0) + options + payload
    pseudo = b"".join(hosts) + struct.pack("!HH", TCP, len(tcp))
    tcp = tcp[:CHECKSUM] + checksum(pseudo + tcp) + tcp[CHECKSUM + 2 :]
    write_ip = _ipv4 if like.ip_version == 4 else _ipv6
    return link + write_ip(header.ip, hosts, tcp)


def _options(header: Header) -> bytes:
    out = struct.pack("!BBH", MSS, 4, header.mss) if header.mss else b""
    if header.may_sack or header.times:
        out += bytes([MAY_SACK, 2]) if header.may_sack else bytes([NOP, NOP])
        out += struct.pack("!BBII", TIMES, 10, *header.times) if header.times else bytes([NOP, NOP])
    if header.scale is not None:
        out += bytes([NOP, SCALE, 3, header.scale])
    return out


def _ipv4(said: IpFields, hosts: tuple[bytes, ...], payload: bytes) -> bytes:
    length = 20 + len(payload)
    fields = 0x45, said.traffic_class, length, 0, 0x4000, said.lifetime, TCP, 0
    ip = struct.pack("!BBHHHBBH", *fields) + b"".join(hosts)
    return ip[:10] + checksum(ip) + ip[12:] + payload


def _ipv6(said: IpFields, hosts: tuple[bytes, ...], payload: bytes) -> bytes:
    fields = 6 << 28 | said.traffic_class << 20, len(payload), TCP, said.lifetime
    return struct.pack("!IHBB", *fields) + b"".join(hosts) + payload


def padded(frame: bytes, least: int = FRAME_MIN) -> bytes:
    """Padded with zeros to the minimum frame of Ethernet."""
    return frame.ljust(least, b"\0")


def checksum(data: bytes) -> bytes:
    """RFC 1071: a missing byte of the last word is 0."""
    data += bytes(len(data) % 2)
    return (~_folded(sum(struct.unpack(f"!{len(data) // 2}H", data))) & 0xFFFF).to_bytes(2, "big")


def rewritten(packet: Packet, changes: dict[int, bytes], checksum_at: int = CHECKSUM) -> None:
    """Write bytes into a transport header, by their offset; updates the checksum."""
    header = packet.data[packet.l4_offset :]
    total = ~number(header, checksum_at) & 0xFFFF
    for offset, new in changes.items():
        for at in range(offset, offset + len(new), 2):
            old, word = number(header, at), number(new, at - offset)
            for term in (~old & 0xFFFF, word):
                # In one's complement a word at an odd offset counts with its bytes swapped.
                total += term if at % 2 == 0 else (term & 0xFF) << 8 | term >> 8
            header = _put(header, at, word)
    header = _put(header, checksum_at, ~_folded(total) & 0xFFFF)
    packet.data = packet.data[: packet.l4_offset] + header


def _put(header: bytes, at: int, word: int) -> bytes:
    return header[:at] + word.to_bytes(2, "big") + header[at + 2 :]


def _folded(total: int) -> int:
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
