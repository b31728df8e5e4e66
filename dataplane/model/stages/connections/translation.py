"""Translation between the sequence numbers of the client's cookie and those of the protected host.

It applies to sequence numbers of the host, acknowledgments and SACK blocks of the client,
timestamps, and the host's windows if the scale differs from the one that the client was told.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from dataplane.model.packet import ACK, SYN, TCP, TCP_FLAGS, Packet, number
from dataplane.model.stages.connections.tcp_state import MODULUS, Segment
from dataplane.model.stages.owner import DESTINATION, HEADER_BYTES, SOURCE, is_icmp_error
from dataplane.model.state import Flow
from dataplane.model.tcp_frame import TCP_BYTES, read_options, rewritten
from dataplane.native.abi import Port

SEQUENCE, ACKNOWLEDGMENT, WINDOW = 4, 8, 14
"""Offsets in a TCP header."""
ICMP_CHECKSUM = 2


def as_host_sees(flow: Flow, segment: Segment) -> Segment:
    """A segment with its acknowledgment in the numbers of the protected host."""
    if not flow.is_translated or segment.sender is Port.INSIDE or not segment.flags & ACK:
        return segment
    acknowledged = (segment.acknowledgment - flow.sequence_delta) % MODULUS
    return Segment(
        segment.sequence,
        acknowledged,
        *(segment.length, segment.window, segment.flags, segment.sender, segment.scale),
    )


def translate(flow: Flow, packet: Packet) -> None:
    """Translate a packet from the client's numbers to the protected host's, or vice versa."""
    tcp, options = packet.data[packet.l4_offset :], read_options(packet)
    has_options = packet.payload_offset - packet.l4_offset > TCP_BYTES
    changes: dict[int, bytes] = {}

    def add(offset: int, delta: int) -> None:
        old = int.from_bytes(tcp[offset : offset + 4], "big")
        changes[offset] = ((old + delta) % MODULUS).to_bytes(4, "big")

    if packet.port is Port.OUTSIDE:
        if not tcp[TCP_FLAGS] & ACK:
            return  # it has no numbers of the host
        add(ACKNOWLEDGMENT, -flow.sequence_delta)
        if has_options and options.times and flow.time_delta is not None:
            add(options.times_offset + 4, -flow.time_delta)
        for edge in range(options.sack_edges if has_options else 0):
            add(options.sack_offset + 4 * edge, -flow.sequence_delta)
    else:
        add(SEQUENCE, flow.sequence_delta)
        scale = flow.side[Port.INSIDE].scale or 0
        if not tcp[TCP_FLAGS] & SYN and scale != flow.announced_scale:
            window = number(tcp, WINDOW) << scale >> flow.announced_scale
            changes[WINDOW] = min(window, 0xFFFF).to_bytes(2, "big")
        if has_options and options.times and flow.time_delta is not None:
            add(options.times_offset, flow.time_delta)
    rewritten(packet, changes)


@dataclass(frozen=True)
class Quote:
    """The TCP segment that an ICMP error quotes."""

    key: Hashable
    """The key of its connection."""
    tcp_offset: int
    """Offset of its header from the first byte of the error; at least 8 bytes can be read."""


def quoted_segment(packet: Packet) -> Quote | None:
    """The segment that an ICMP error quotes; None: not an error, or no readable TCP segment.

    An error from outside quotes a packet of the protected host, one from inside a packet of the
    client.
    """
    if packet.payload_offset == 0 or not is_icmp_error(packet):
        return None
    start, size = packet.l4_offset + 8, HEADER_BYTES[packet.ip_version]
    ip = packet.bytes_at(start, size)
    if ip is None or ip[0] >> 4 != packet.ip_version:
        return None
    if packet.ip_version == 4:
        is_tcp = ip[9] == TCP and number(ip, 6) & 0x1FFF == 0 and ip[0] & 15 >= 5
        size = (ip[0] & 15) * 4
    else:
        is_tcp = ip[6] == TCP
    tcp = packet.bytes_at(start + size, 8)
    if not is_tcp or tcp is None:
        return None
    source, target = ip[SOURCE[packet.ip_version]], ip[DESTINATION[packet.ip_version]]
    ports = number(tcp, 0), number(tcp, 2)
    if packet.port is Port.OUTSIDE:
        return Quote((target, source, TCP, ports[::-1]), start + size)
    return Quote((source, target, TCP, ports), start + size)


def translate_quote(flow: Flow, packet: Packet, quote: Quote) -> None:
    """Translate the numbers in the quote for the receiver of the error.

    The checksum of the error covers them; the checksum of the quoted segment is not changed.
    """
    if not flow.is_translated:
        return
    delta, at = flow.sequence_delta, quote.tcp_offset
    at, delta = (
        (at + SEQUENCE, -delta) if packet.port is Port.OUTSIDE else (at + ACKNOWLEDGMENT, delta)
    )
    old = packet.bytes_at(at, 4)
    if old is None:
        return
    new = ((int.from_bytes(old, "big") + delta) % MODULUS).to_bytes(4, "big")
    rewritten(packet, {at - packet.l4_offset: new}, checksum_at=ICMP_CHECKSUM)
