"""Owner: selects the lcore that owns the client, so that all state of a client is on one lcore.

The client's address alone decides: it is the same in both directions and in every fragment. An ICMP
error belongs to the client of the packet that it quotes: its own outside address may be that of any
router. Only relevant for nodes with more than one lcore.
"""

from __future__ import annotations

from dataplane.model.packet import ICMP, ICMPV6, Packet
from dataplane.model.siphash import siphash_2_4
from dataplane.model.state import Lcore, Node, Time
from dataplane.model.verdict import hand_over
from dataplane.native.abi import Port

MAPPED = bytes(10) + b"\xff\xff"
"""The prefix that maps IPv4 addresses to 16 bytes (RFC 4291, section 2.5.5.2)."""
ICMP_HEADER_BYTES = 8
ICMP_ERRORS = {3, 4, 5, 11, 12}
"""Unreachable, source quench, redirect, time exceeded, parameter problem: RFC 792."""
ICMPV6_INFORMATIONAL = 128
"""From this type on, ICMPv6 is no error (RFC 4443, section 2.1)."""
HEADER_BYTES = {4: 20, 6: 40}
SOURCE = {4: slice(12, 16), 6: slice(8, 24)}
DESTINATION = {4: slice(16, 20), 6: slice(24, 40)}


def owner(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Hand over packets that another lcore owns."""
    if lcore.node.lcore_count == 1:
        return True
    client = _quoted_client(packet) or packet.client
    # Without addresses (a mode let it pass) any lcore can process it.
    packet.owner = lcore.index if client is None else client_lcore(lcore.node, client)
    if packet.owner == lcore.index:
        return True
    hand_over(lcore, packet)
    return False


def client_lcore(node: Node, client: bytes) -> int:
    """The lcore of a client: the upper half of the hash, scaled to the number of lcores."""
    address = client if len(client) == len(MAPPED) + 4 else MAPPED + client
    return (siphash_2_4(node.owner_key, address) >> 32) * node.lcore_count >> 32


def _quoted_client(packet: Packet) -> bytes | None:
    """The client of the packet that an ICMP error quotes; None: not an error, or no readable quote.

    An error from outside is about a packet that the protected host sent to the client; one from
    inside about a packet that the client sent. Bytes after the IP packet (padding of the frame) are
    read like those in it: a sender of a short quote can choose the lcore, as with any other quote.
    """
    quote_offset = packet.l4_offset + ICMP_HEADER_BYTES
    if not is_icmp_error(packet):
        return None
    version = packet.ip_version
    quote = packet.bytes_at(quote_offset, HEADER_BYTES[version])
    if quote is None or quote[0] >> 4 != version:
        return None
    return quote[(DESTINATION if packet.port is Port.OUTSIDE else SOURCE)[version]]


def is_icmp_error(packet: Packet) -> bool:
    """Whether the packet is an ICMP error, which quotes another packet."""
    if packet.l4_offset == 0:
        return False
    kind = packet.data[packet.l4_offset]
    if packet.protocol == ICMPV6:
        return kind < ICMPV6_INFORMATIONAL
    return packet.protocol == ICMP and kind in ICMP_ERRORS
