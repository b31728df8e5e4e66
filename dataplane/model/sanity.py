"""Sanity: drop what no honest stack sends, in both directions.

Reasons are raised in this order: what parse has noted, the IPv4 header checksum, TCP's flags, the
addresses. The first that enforces drops the packet. Not even the allowlist is exempt, which comes
later: sources can be forged.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address

from dataplane.abi import PacketFlag, Reason
from dataplane.model.node import Lcore, Time, reject
from dataplane.model.packet import TCP, Packet, number

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
}
"""RFC 1122, section 3.2.1.3; RFC 4291, sections 2.5.3 and 2.7."""


def sanity(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Drop a packet for the first reason against it that enforces."""
    return not any(reject(lcore, packet, reason) for reason in _reasons(packet))


def _reasons(packet: Packet) -> Iterator[Reason]:
    """Everything that is wrong with a packet. One without readable addresses has nothing but its
    anomaly."""
    if packet.anomaly is not Reason.NONE:
        yield packet.anomaly
    if packet.ip_version == 0:
        return
    if packet.ip_version == 4 and not _is_checksum_right(packet):
        yield Reason.IP_CHECKSUM
    if _has_bad_tcp_flags(packet):
        yield Reason.TCP_FLAGS
    yield from _address_reasons(packet)


def _is_checksum_right(packet: Packet) -> bool:
    """The one's complement sum over a header with its checksum is all ones (RFC 1071, section 1).

    Taken for right where the NIC has said so, and where the header can't be read as far as it
    claims to go.
    """
    size = (packet.data[packet.l3_offset] & 0x0F) * 4
    header = packet.bytes_at(packet.l3_offset, size)
    if PacketFlag.CHECKSUM_GOOD in packet.flags or header is None or size < IPV4_BYTES:
        return True
    total = sum(number(header, at) for at in range(0, size, 2))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF


def _has_bad_tcp_flags(packet: Packet) -> bool:
    """Two of SYN, FIN and RST together; or none of SYN, RST and ACK.

    A segment opens a connection (SYN), resets one (RST) or belongs to one, and then it has ACK; one
    without is dropped unread by its receiver (RFC 9293, section 3.10.7.4).
    """
    if packet.protocol != TCP or packet.l4_offset == 0:
        return False
    flags = packet.data[packet.l4_offset + TCP_FLAGS_OFFSET]
    exclusive = [flag for flag in (SYN, FIN, RST) if flags & flag]
    return len(exclusive) > 1 or not flags & (SYN | RST | ACK)


def _address_reasons(packet: Packet) -> Iterator[Reason]:
    """Source and destination the same ("land"), and sources that can't be one."""
    version = packet.ip_version
    ip = packet.data[packet.l3_offset :]
    if ip[SOURCE[version]] == ip[DESTINATION[version]]:
        yield Reason.LAND
    source = ip_address(ip[SOURCE[version]])
    yield from (reason for network, reason in BAD_SOURCES.items() if source in network)
