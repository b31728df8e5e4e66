"""IPv4 with options, IPv6 with extension headers, and fragments of both."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address, IPv6Network

from dataplane.model.headers import MalformedError, set_addresses, take, unless_fragment
from dataplane.model.packet import TCP, Packet, number
from dataplane.model.stages.parse.link import note
from dataplane.model.stages.parse.parse_transport import parse_transport
from dataplane.native.abi import Link, PacketFlag, Reason

IPV4_BYTES = 20
IPV4_MORE_FRAGMENTS, IPV4_OFFSET_MASK = 0x2000, 0x1FFF
IPV6_BYTES = 40
LINK_LOCAL = IPv6Network("fe80::/10")
SCOPE_LINK = 2
IPV6_OFFSET_MASK, IPV6_MORE_FRAGMENTS = 0xFFF8, 1
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION = 0, 43, 44, 51, 60
EXTENSIONS = {HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION}
"""Extension headers that are skipped. ESP (50) hides what follows, so it ends the walk."""
EXTENSIONS_MAX = 8
JUMBO_PAYLOAD = 0xC2
EXTENSION_BYTES_MIN = 8
AUTHENTICATION_BYTES_MIN = 12
"""RFC 4302, section 2."""
REASSEMBLED_BYTES_MAX = 65535
"""Maximum of the length field of a reassembled packet."""


def parse_ipv4(packet: Packet, l3: int, room_end: int) -> None:
    """Parse the IPv4 header at ``l3`` (RFC 791, section 3.1) and its payload, before
    ``room_end``."""
    ip = take(packet, l3, IPV4_BYTES, room_end, Reason.IP_TRUNCATED)
    if ip[0] >> 4 != 4:
        raise MalformedError(Reason.IP_VERSION)
    header_bytes, total_bytes = (ip[0] & 0x0F) * 4, number(ip, 2)
    packet.ip_version, packet.protocol = 4, ip[9]
    set_addresses(packet, l3 + 12, l3 + 16)
    _check_ipv4_lengths(header_bytes, total_bytes, room_end - l3)
    end = l3 + total_bytes
    take(packet, l3, header_bytes, end, Reason.IP_TRUNCATED)
    start = (number(ip, 6) & IPV4_OFFSET_MASK) * 8
    if start > 0 or number(ip, 6) & IPV4_MORE_FRAGMENTS:
        _parse_fragment(packet, start, total_bytes - header_bytes, header_bytes)
    if start == 0:
        parse_transport(packet, l3 + header_bytes, end)


def _check_ipv4_lengths(header_bytes: int, total_bytes: int, room: int) -> None:
    """``room``: bytes of the frame from the IP header on. It may exceed the packet: Ethernet pads
    short frames."""
    if header_bytes < IPV4_BYTES:
        raise MalformedError(Reason.IP_HEADER_LENGTH)
    if header_bytes > room:
        raise MalformedError(Reason.IP_TRUNCATED)
    if not IPV4_BYTES <= total_bytes <= room:
        raise MalformedError(Reason.IP_LENGTH)
    if header_bytes > total_bytes:
        raise MalformedError(Reason.IP_HEADER_LENGTH)


def parse_ipv6(packet: Packet, l3: int, room_end: int) -> None:
    """Parse the IPv6 header at ``l3`` (RFC 8200, section 3) and its payload, before ``room_end``.

    A packet from a link-local source to an address of the link is link control: no router forwards
    it (RFC 4291, section 2.5.6). To other destinations, honest link-local sources send only
    neighbour discovery and group reports, which `parse_transport` recognises; sanity judges the
    rest.
    """
    ip = take(packet, l3, IPV6_BYTES, room_end, Reason.IP_TRUNCATED)
    if ip[0] >> 4 != 6:
        raise MalformedError(Reason.IP_VERSION)
    packet.ip_version, packet.protocol = 6, ip[6]
    set_addresses(packet, l3 + 8, l3 + 24)
    source, destination = IPv6Address(ip[8:24]), IPv6Address(ip[24:40])
    if source in LINK_LOCAL and is_of_link(destination):
        note(packet, Link.LINK_LOCAL)
        return
    payload_bytes = number(ip, 4)
    end = l3 + IPV6_BYTES + payload_bytes
    jumbogram = payload_bytes == 0 and packet.protocol == HOP_BY_HOP
    if end > room_end or jumbogram:  # jumbograms (RFC 2675) are not supported on any link
        raise MalformedError(Reason.IP_LENGTH)
    _walk_extensions(packet, l3 + IPV6_BYTES, end)


def is_of_link(destination: IPv6Address) -> bool:
    """Whether it is a link-local address, or a group of link scope (RFC 4291, section 2.7)."""
    first, second = destination.packed[:2]
    return destination in LINK_LOCAL or (first == 0xFF and second & 0x0F == SCOPE_LINK)


def _walk_extensions(packet: Packet, offset: int, end: int) -> None:
    """Extension headers in any order and number up to the limit, but hop-by-hop only as the first
    one (RFC 8200, section 4.1), and at most one fragment header."""
    seen: list[int] = []
    while packet.protocol in EXTENSIONS:
        kind = packet.protocol
        if len(seen) == EXTENSIONS_MAX:
            raise MalformedError(Reason.IPV6_EXTENSION)
        header = _take_extension(packet, offset, end, first=not seen)
        packet.protocol = header[0]
        _check_extension(kind, header)
        offset += len(header)
        if kind == FRAGMENT:
            if FRAGMENT in seen:
                raise MalformedError(Reason.IPV6_EXTENSION)
            if _parse_ipv6_fragment_header(packet, header, offset, end):
                return
        seen.append(kind)
    parse_transport(packet, offset, end)


def _check_extension(kind: int, header: bytes) -> None:
    """Errors within a whole header.

    Jumbo payload: forbidden with a payload length (RFC 2675, section 3); without one the packet has
    been refused before. Routing type 0 with segments left: RFC 5095.
    """
    if kind == HOP_BY_HOP and JUMBO_PAYLOAD in _options(header):
        raise MalformedError(Reason.IP_LENGTH)
    if kind == ROUTING and header[2] == 0 and header[3] > 0:
        raise MalformedError(Reason.SOURCE_ROUTE)


def _options(header: bytes) -> Iterator[int]:
    """The types of the options in a hop-by-hop header (RFC 8200, section 4.2); type 0 has no
    length."""
    at = 2
    while at < len(header):
        yield header[at]
        if header[at] == 0:
            at += 1
        elif at + 1 < len(header):
            at += 2 + header[at + 1]
        else:
            return


def _take_extension(packet: Packet, offset: int, end: int, *, first: bool) -> bytes:
    """Read a whole extension header. Its second byte counts units of 8 bytes beyond the first 8
    (RFC 8200, section 4.2); in the authentication header, units of 4 beyond 8 (RFC 4302, 2.2)."""
    kind = packet.protocol
    malformed = unless_fragment(packet, Reason.IPV6_EXTENSION)
    units = take(packet, offset, EXTENSION_BYTES_MIN, end, malformed)[1]
    size = EXTENSION_BYTES_MIN
    if kind == AUTHENTICATION:
        size += units * 4
    elif kind != FRAGMENT:  # RFC 8200, section 4.5: 8 bytes; the second one is reserved
        size += units * 8
    too_small = kind == AUTHENTICATION and size < AUTHENTICATION_BYTES_MIN
    if too_small or (kind == HOP_BY_HOP and not first):
        raise MalformedError(Reason.IPV6_EXTENSION)
    return take(packet, offset, size, end, malformed)


def _parse_ipv6_fragment_header(packet: Packet, header: bytes, data: int, end: int) -> bool:
    """Whether the walk ends here, because the rest continues another packet's data.

    ``data``: start of the fragment's data. An atomic fragment (offset 0 and none to follow) is a
    whole packet: RFC 6946.
    """
    start = number(header, 2) & IPV6_OFFSET_MASK
    if start == 0 and not number(header, 2) & IPV6_MORE_FRAGMENTS:
        return False
    # The payload length of the reassembled packet counts the extension headers before this one, but
    # neither the IPv6 header nor this one (RFC 8200, section 4.5).
    ahead = data - EXTENSION_BYTES_MIN - packet.l3_offset - IPV6_BYTES
    _parse_fragment(packet, start, end - data, ahead)
    return start > 0


def _parse_fragment(packet: Packet, start: int, size: int, ahead: int) -> None:
    """A fragment whose data of ``size`` bytes belongs at ``start``, after ``ahead`` header bytes.

    Malformed: a fragment without data; one that ends beyond the maximum packet ("ping of death");
    TCP at offset 8, which overwrites the flags in the first fragment (RFC 1858, section 3.2.1); and
    at offset 8 the rest of an IPv6 extension header, because a header of 8 bytes is followed by all
    of TCP.
    """
    packet.flags |= PacketFlag.FRAGMENT
    if start > 0:
        packet.flags |= PacketFlag.FRAGMENT_LATER
    too_long = ahead + start + size > REASSEMBLED_BYTES_MAX
    overwrites = {TCP} if packet.ip_version == 4 else {TCP, *EXTENSIONS}
    if size == 0 or too_long or (start == 8 and packet.protocol in overwrites):
        raise MalformedError(Reason.FRAGMENT)
