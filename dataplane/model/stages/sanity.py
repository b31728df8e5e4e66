"""Sanity: drops malformed packets, in both directions.

The order of the reasons: the error that parse has noted, the IPv4 header checksum, source routes,
TCP flags, redirects, addresses. The first one that enforces drops the packet. The allowlist, which
comes later, gives no exemption: sources can be forged.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address

from dataplane.model.packet import ICMP, ICMPV6, TCP, Packet, number
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import reject
from dataplane.native.abi import PacketFlag, Port, Reason

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
TCP_FLAGS_OFFSET = 13
IPV4_BYTES = 20
SOURCE = {4: slice(12, 16), 6: slice(8, 24)}
DESTINATION = {4: slice(16, 20), 6: slice(24, 40)}

BAD_SOURCES: dict[IPv4Network | IPv6Network, Reason] = {
    IPv4Network("224.0.0.0/4"): Reason.SOURCE_MULTICAST,
    IPv4Network("255.255.255.255/32"): Reason.SOURCE_BROADCAST,
    IPv4Network("127.0.0.0/8"): Reason.SOURCE_LOOPBACK,
    IPv6Network("ff00::/8"): Reason.SOURCE_MULTICAST,
    IPv6Network("::1/128"): Reason.SOURCE_LOOPBACK,
    IPv6Network("fe80::/10"): Reason.SOURCE_LINK_LOCAL,
}
"""RFC 1122, section 3.2.1.3; RFC 4291, sections 2.5.3, 2.5.6 and 2.7. Parse has already passed
packets from a link-local source to an address of the link."""


NO_HOST: tuple[IPv4Network | IPv6Network, ...] = (
    IPv4Network("0.0.0.0/8"),
    IPv4Network("240.0.0.0/4"),
    IPv6Network("::/128"),
)
"""Sources of hosts that ask for their own address (RFC 1122, section 3.2.1.3; RFC 4291, section
2.5.2), and of no host (RFC 1112, section 4): TCP can't come from them."""
_SOURCE_ROUTES = {131, 137}
"""LSRR and SSRR: RFC 7126, sections 4.3 and 4.4."""
_END, _NO_OPERATION = 0, 1


def sanity(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Drop a packet for the first reason that enforces."""
    return not any(reject(lcore, packet, reason) for reason in _reasons(packet))


def _reasons(packet: Packet) -> Iterator[Reason]:
    """All reasons against a packet. One without readable addresses has only its anomaly."""
    if packet.anomaly is not Reason.NONE:
        yield packet.anomaly
    if packet.ip_version == 0:
        return
    if packet.ip_version == 4 and not _is_checksum_right(packet):
        yield Reason.IP_CHECKSUM
    if packet.ip_version == 4 and _SOURCE_ROUTES & set(_ipv4_options(packet)):
        yield Reason.SOURCE_ROUTE
    if _has_bad_tcp_flags(packet):
        yield Reason.TCP_FLAGS
    if _is_redirect(packet):
        yield Reason.ICMP_REDIRECT
    yield from _address_reasons(packet)


def _is_checksum_right(packet: Packet) -> bool:
    """The one's complement sum over a header with its checksum is all ones (RFC 1071, section 1).

    Also counts as right if the NIC has verified it, and if the header can't be read to its declared
    end.
    """
    size = (packet.data[packet.l3_offset] & 0x0F) * 4
    header = packet.bytes_at(packet.l3_offset, size)
    if PacketFlag.CHECKSUM_GOOD in packet.flags or header is None or size < IPV4_BYTES:
        return True
    total = sum(number(header, at) for at in range(0, size, 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def _ipv4_options(packet: Packet) -> Iterator[int]:
    """The types of the readable options (RFC 791, section 3.1)."""
    size = (packet.data[packet.l3_offset] & 0x0F) * 4
    options = (packet.bytes_at(packet.l3_offset, size) or b"")[IPV4_BYTES:]
    while options and options[0] != _END:
        yield options[0]
        if options[0] == _NO_OPERATION:
            options = options[1:]
        elif len(options) > 1 and options[1] >= 2:
            options = options[options[1] :]
        else:
            return


def _is_redirect(packet: Packet) -> bool:
    """A redirect from outside; ICMPv6 of the link's own router (RFC 4861, section 8.1) leaves in
    parse."""
    if packet.port is not Port.OUTSIDE or packet.l4_offset == 0:
        return False
    kind = packet.data[packet.l4_offset]
    return (packet.ip_version, packet.protocol, kind) in {(4, ICMP, 5), (6, ICMPV6, 137)}


def _has_bad_tcp_flags(packet: Packet) -> bool:
    """Two of SYN, FIN and RST together; or none of SYN, RST and ACK.

    A segment opens a connection (SYN), resets one (RST), or belongs to one and has ACK. The
    receiver drops one without any of these flags (RFC 9293, section 3.10.7.4).
    """
    if packet.protocol != TCP or packet.l4_offset == 0:
        return False
    flags = packet.data[packet.l4_offset + TCP_FLAGS_OFFSET]
    exclusive = [flag for flag in (SYN, FIN, RST) if flags & flag]
    return len(exclusive) > 1 or not flags & (SYN | RST | ACK)


def _address_reasons(packet: Packet) -> Iterator[Reason]:
    """Equal source and destination ("land"), and addresses that can't be a source."""
    version = packet.ip_version
    ip = packet.data[packet.l3_offset :]
    if ip[SOURCE[version]] == ip[DESTINATION[version]]:
        yield Reason.LAND
    source = ip_address(ip[SOURCE[version]])
    found = [reason for network, reason in BAD_SOURCES.items() if source in network]
    if not found and packet.protocol == TCP and any(source in one for one in NO_HOST):
        found = [Reason.SOURCE_UNUSABLE]
    yield from found
