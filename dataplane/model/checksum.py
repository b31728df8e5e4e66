"""Whether the checksum of a TCP segment is right: RFC 9293, section 3.1.

An endpoint does not read a segment whose checksum is wrong, so neither does the node where it would
end or begin something.
"""

from __future__ import annotations

from dataplane.model.packet import TCP, Packet, end_of_ip
from dataplane.model.tcp_frame import ADDRESSES, checksum
from dataplane.native.abi import PacketFlag


def is_checksum_right(packet: Packet) -> bool:
    """Of a packet with a whole TCP header; the receiver of the packet may vouch for it.

    False too where nobody can tell: of a fragment, and where bytes are missing.
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
