"""Checks the checksum of a TCP segment: RFC 9293, section 3.1.

An endpoint discards a segment with a wrong checksum. Therefore such a segment must not begin or end
anything in the node.
"""

from __future__ import annotations

from dataplane.model.packet import TCP, Packet, end_of_ip
from dataplane.model.tcp_frame import ADDRESSES, checksum
from dataplane.native.abi import PacketFlag


def is_checksum_right(packet: Packet) -> bool:
    """Whether the checksum of a packet with a whole TCP header is right; a flag of the receiver
    counts.

    Also False where this can't be decided: for a fragment, and where bytes are missing.
    """
    end = end_of_ip(packet)
    if PacketFlag.L4_GOOD in packet.flags:
        return True
    if PacketFlag.FRAGMENT in packet.flags or end > packet.available:
        return False
    first, size = ADDRESSES[packet.ip_version]
    first += packet.l3_offset
    addresses, tcp = packet.data[first : first + 2 * size], packet.data[packet.l4_offset : end]
    pseudo = addresses + TCP.to_bytes(2, "big") + len(tcp).to_bytes(2, "big")
    return checksum(pseudo + tcp) == bytes(2)
