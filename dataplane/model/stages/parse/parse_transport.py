"""TCP, UDP, ICMP, ICMPv6 and GRE, and ICMPv6 that never leaves its link.

Other protocols (ESP, SCTP, no next header) have no header that a stage reads.
"""

from __future__ import annotations

from ipaddress import IPv6Address

from dataplane.model.headers import MalformedError, take, unless_fragment
from dataplane.model.packet import GRE, ICMP, ICMPV6, TCP, UDP, UDP_BYTES, Packet, number
from dataplane.model.stages.parse.link import note
from dataplane.native.abi import Link, PacketFlag, Reason

TCP_BYTES, ICMP_BYTES, GRE_BYTES = 20, 8, 4
NEIGHBOUR_DISCOVERY = range(133, 138)
"""Router and neighbour solicitation and advertisement, redirect: RFC 4861, section 4."""
REDIRECT = 137
MULTICAST_LISTENER = {130, 131, 132, 143}
"""Query, reports and done: RFC 2710, section 3; RFC 3810, section 5."""


def parse_transport(packet: Packet, offset: int, end: int) -> None:
    """Parse the transport header at ``offset`` of an IP packet that ends at ``end``."""
    if packet.protocol == TCP:
        _parse_tcp(packet, offset, end)
    elif packet.protocol == UDP:
        _parse_udp(packet, offset, end)
    elif (packet.protocol, packet.ip_version) in {(ICMP, 4), (ICMPV6, 6)}:
        _parse_icmp(packet, offset, end)
    elif packet.protocol == GRE:
        _parse_gre(packet, offset, end)


def _parse_tcp(packet: Packet, offset: int, end: int) -> None:
    """RFC 9293, section 3.1. Options that a capture has cut off do not matter: no stage reads them.
    Options in a second segment do: a later stage would have to read them."""
    tcp = take(packet, offset, TCP_BYTES, end, unless_fragment(packet, Reason.L4_TRUNCATED))
    packet.l4_offset = offset
    header_bytes = (tcp[12] >> 4) * 4
    if header_bytes < TCP_BYTES:
        raise MalformedError(Reason.TCP_HEADER_LENGTH)
    if offset + header_bytes > end:
        raise MalformedError(unless_fragment(packet, Reason.TCP_HEADER_LENGTH))
    if offset + header_bytes <= packet.available:
        packet.payload_offset = offset + header_bytes
    elif PacketFlag.CUT not in packet.flags:
        raise MalformedError(Reason.HEADER_SPLIT)


def _parse_udp(packet: Packet, offset: int, end: int) -> None:
    """RFC 768. In a first fragment the length is that of the whole datagram, so it may exceed the
    fragment."""
    udp = take(packet, offset, UDP_BYTES, end, unless_fragment(packet, Reason.L4_TRUNCATED))
    packet.l4_offset = offset
    claimed_bytes = number(udp, 4)
    is_beyond = offset + claimed_bytes > end and PacketFlag.FRAGMENT not in packet.flags
    if claimed_bytes < UDP_BYTES or is_beyond:
        raise MalformedError(Reason.UDP_LENGTH)
    packet.payload_offset = offset + UDP_BYTES


def _parse_gre(packet: Packet, offset: int, end: int) -> None:
    """`tunnels` checks the header, if the profile judges what is inside."""
    is_whole = offset + GRE_BYTES <= end and packet.bytes_at(offset, GRE_BYTES) is not None
    packet.l4_offset = offset if is_whole else 0


def _parse_icmp(packet: Packet, offset: int, end: int) -> None:
    """RFC 792, RFC 4443. The payload follows after 8 bytes, the last 4 of which depend
    on the type."""
    icmp = take(packet, offset, ICMP_BYTES, end, unless_fragment(packet, Reason.L4_TRUNCATED))
    packet.l4_offset, packet.payload_offset = offset, offset + ICMP_BYTES
    if packet.ip_version == 6 and PacketFlag.INNER not in packet.flags:
        note(packet, _icmpv6_link(packet, icmp[0]))


def _icmpv6_link(packet: Packet, kind: int) -> Link:
    """ICMPv6 that no host beyond the link can have sent.

    Neighbour discovery with hop limit 255: a router would have made it 254 (RFC 4861, section 3.1);
    a redirect only from a link-local address (8.1). Multicast listener discovery to a group with
    hop limit 1: no router forwards it (RFC 3810, section 5). Duplicate address detection, from the
    address ``::``, belongs to neighbour discovery.
    """
    hop_limit = packet.data[packet.l3_offset + 7]
    to_group = packet.data[packet.l3_offset + 24] == 0xFF
    is_redirect = kind == REDIRECT
    source = IPv6Address(packet.data[packet.l3_offset + 8 : packet.l3_offset + 24])
    if kind in NEIGHBOUR_DISCOVERY and hop_limit == 255:
        return Link.NONE if is_redirect and not source.is_link_local else Link.ND
    return Link.MLD if kind in MULTICAST_LISTENER and hop_limit == 1 and to_group else Link.NONE
