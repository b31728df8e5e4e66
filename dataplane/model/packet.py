"""One packet: its bytes, and what the stages have found out about it so far.

Written by parse, then by the stage that decides. The fields are those of ``struct sb_packet`` under
the same names; what C needs to manage memory is not here. Only the SYN proxy changes bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.native.abi import Link, PacketFlag, Port, Reason, Verdict

ICMP, TCP, UDP, ICMPV6 = 1, 6, 17, 58
"""Protocol numbers whose headers the stages read."""
TCP_FLAGS, SYN, RST, ACK = 13, 2, 4, 16
UDP_BYTES = 8
"""Of its header."""
"""Where a TCP header has its flags, and some of them: RFC 9293, section 3.1."""
NO_FLAGS = PacketFlag(0)


@dataclass(eq=False)
class Packet:
    """A descriptor. Whoever received the packet fills ``data``, ``length``, ``port`` and ``flags``.

    Of the flags only CUT (a capture has kept less than there was on the wire), CHECKSUM_GOOD (the
    NIC has verified the IPv4 header checksum) and L4_GOOD (TCP's is right, or says nothing) are the
    receiver's.
    """

    data: bytes
    """The bytes at hand, from the Ethernet header on: the first buffer segment, or what a capture
    has kept."""
    length: int
    """Bytes on the wire, without frame check sequence; at least ``available``."""
    port: Port
    flags: PacketFlag = NO_FLAGS

    profile: int = 0
    """Index of the profile that protects the inside address; 0 is the default."""
    l3_offset: int = 0
    """Offsets count from the first byte of the Ethernet header; 0: there is no such header."""
    l4_offset: int = 0
    """Of TCP, UDP, ICMP or ICMPv6, where at least their fixed part is there."""
    payload_offset: int = 0
    """Behind the transport header; 0 where that header is wrong."""
    client_offset: int = 0
    """Of the outside address: the source of what comes from outside, else the destination."""
    protected_offset: int = 0
    """Of the inside address."""
    vlan_id: int = 0
    """Of the outermost tag."""
    vlan_count: int = 0
    ip_version: int = 0
    """4 or 6 once both addresses are readable, else 0."""
    protocol: int = 0
    """What follows the last IP header or extension header that was read."""
    link: Link = Link.NONE
    """Why it passes, if it has LINK_SCOPE."""
    anomaly: Reason = Reason.NONE
    """The first thing that parse found malformed; sanity judges it."""
    verdict: Verdict = Verdict.PASS
    reason: Reason = Reason.NONE
    http: object = None
    """What it is for the HTTP stage: see `inspected`."""
    owner: int = 0
    """Index of the lcore that owns the client."""

    @property
    def available(self) -> int:
        """How many bytes of the packet can be read."""
        return len(self.data)

    @property
    def protected(self) -> bytes | None:
        """The inside address, as `client`."""
        if self.ip_version == 0:
            return None
        return self.bytes_at(self.protected_offset, 4 if self.ip_version == 4 else 16)

    @property
    def client(self) -> bytes | None:
        """The outside address, 4 or 16 bytes; None where the addresses can't be read."""
        if self.ip_version == 0:
            return None
        return self.bytes_at(self.client_offset, 4 if self.ip_version == 4 else 16)

    @property
    def is_opening(self) -> bool:
        """A TCP segment that begins a connection: SYN, and neither ACK nor RST."""
        if self.protocol != TCP or self.l4_offset == 0:
            return False
        return self.data[self.l4_offset + TCP_FLAGS] & (SYN | RST | ACK) == SYN

    def bytes_at(self, offset: int, size: int) -> bytes | None:
        """``size`` bytes at ``offset``; None where not all of them can be read."""
        if offset + size > self.available:
            return None
        return self.data[offset : offset + size]


def number(header: bytes, offset: int) -> int:
    """The 16 bits at an offset of a header, in network order."""
    return int.from_bytes(header[offset : offset + 2], "big")


def end_of_ip(packet: Packet) -> int:
    """By the length field of the IP header, which may say less than the frame has."""
    if packet.ip_version == 4:
        return packet.l3_offset + number(packet.data, packet.l3_offset + 2)
    return packet.l3_offset + 40 + number(packet.data, packet.l3_offset + 4)
