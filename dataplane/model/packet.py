"""One packet: its bytes, and the results of the stages so far.

Parse writes it, then the stage that decides. The fields are those of ``struct sb_packet`` with the
same names, without those that C needs for memory management. Only the SYN proxy changes bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.native.abi import Link, PacketFlag, Port, Reason, Verdict

ICMP, TCP, UDP, GRE, ICMPV6 = 1, 6, 17, 47, 58
"""Protocol numbers of the headers that the stages read."""
TCP_FLAGS, SYN, RST, ACK = 13, 2, 4, 16
UDP_BYTES = 8
"""Length of its header."""
"""Position of the flags in a TCP header, and some of them: RFC 9293, section 3.1."""
NO_FLAGS = PacketFlag(0)


@dataclass(eq=False)
class Packet:
    """A descriptor. The receiver of the packet fills ``data``, ``length``, ``port`` and ``flags``.

    The receiver sets only these flags: CUT (a capture has less than there was on the wire),
    CHECKSUM_GOOD (the NIC has verified the IPv4 header checksum) and L4_GOOD (the TCP checksum is
    right, or has no meaning).
    """

    data: bytes
    """The available bytes, from the Ethernet header on: the first buffer segment, or what a capture
    has."""
    length: int
    """Bytes on the wire, without frame check sequence; at least ``available``."""
    port: Port
    flags: PacketFlag = NO_FLAGS

    profile: int = 0
    """Index of the profile that protects the inside address; 0 is the default."""
    l3_offset: int = 0
    """Offsets count from the first byte of the Ethernet header; 0: no such header."""
    l4_offset: int = 0
    """Header of TCP, UDP, ICMP, ICMPv6 or GRE, if at least its fixed part is readable."""
    payload_offset: int = 0
    """First byte after the transport header; 0 if that header is wrong."""
    client_offset: int = 0
    """The outside address: the source of a packet from outside, else the destination."""
    protected_offset: int = 0
    """The inside address."""
    vlan_id: int = 0
    """VLAN id of the outermost tag."""
    vlan_count: int = 0
    ip_version: int = 0
    """4 or 6 if both addresses are readable, else 0."""
    protocol: int = 0
    """The next protocol after the last IP header or extension header that was read."""
    link: Link = Link.NONE
    """The kind of link control, if it has LINK_SCOPE."""
    anomaly: Reason = Reason.NONE
    """The first error that parse has found; sanity judges it."""
    verdict: Verdict = Verdict.PASS
    reason: Reason = Reason.NONE
    http: object = None
    """The profile for the HTTP stage: see `inspected`."""
    owner: int = 0
    """Index of the lcore that owns the client."""

    @property
    def available(self) -> int:
        """Number of bytes of the packet that can be read."""
        return len(self.data)

    @property
    def protected(self) -> bytes | None:
        """The inside address, in the form of `client`."""
        if self.ip_version == 0:
            return None
        return self.bytes_at(self.protected_offset, 4 if self.ip_version == 4 else 16)

    @property
    def client(self) -> bytes | None:
        """The outside address, 4 or 16 bytes; None if the addresses can't be read."""
        if self.ip_version == 0:
            return None
        return self.bytes_at(self.client_offset, 4 if self.ip_version == 4 else 16)

    @property
    def is_opening(self) -> bool:
        """Whether the packet is a TCP segment that begins a connection: SYN, and neither ACK nor
        RST."""
        if self.protocol != TCP or self.l4_offset == 0:
            return False
        return self.data[self.l4_offset + TCP_FLAGS] & (SYN | RST | ACK) == SYN

    def bytes_at(self, offset: int, size: int) -> bytes | None:
        """``size`` bytes at ``offset``; None if not all of them can be read."""
        if offset + size > self.available:
            return None
        return self.data[offset : offset + size]


def number(header: bytes, offset: int) -> int:
    """The 16-bit number at an offset of a header, in network order."""
    return int.from_bytes(header[offset : offset + 2], "big")


def end_of_ip(packet: Packet) -> int:
    """The end by the length field of the IP header, which may be less than the frame's."""
    if packet.ip_version == 4:
        return packet.l3_offset + number(packet.data, packet.l3_offset + 2)
    return packet.l3_offset + 40 + number(packet.data, packet.l3_offset + 4)
