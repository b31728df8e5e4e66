"""How the parser reads headers: one after the other, each only if it is complete."""

from __future__ import annotations

from dataplane.model.packet import Packet
from dataplane.native.abi import PacketFlag, Port, Reason


class MalformedError(Exception):
    """Parsing ends here, for a reason that the stage sanity judges."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


class CutShortError(Exception):
    """Parsing ends here because the capture has no more of the packet."""


def take(packet: Packet, offset: int, size: int, end: int, truncated: Reason) -> bytes:
    """Read ``size`` bytes at ``offset``, which must end before ``end``.

    Raises MalformedError with ``truncated`` if they do not, with HEADER_SPLIT if they lie beyond
    the first segment; CutShortError if a capture has cut them off.
    """
    if offset + size > end:
        raise MalformedError(truncated)
    header = packet.bytes_at(offset, size)
    if header is not None:
        return header
    if PacketFlag.CUT in packet.flags:
        raise CutShortError
    raise MalformedError(Reason.HEADER_SPLIT)


def set_addresses(packet: Packet, source: int, destination: int) -> None:
    """Store the positions of the addresses, by the side of their owners."""
    if packet.port is Port.OUTSIDE:
        packet.client_offset, packet.protected_offset = source, destination
    else:
        packet.client_offset, packet.protected_offset = destination, source


def unless_fragment(packet: Packet, reason: Reason) -> Reason:
    """The reason for a packet that ends too early; FRAGMENT if it is a first fragment.

    A first fragment must have all headers up to the end of the transport header: RFC 1858, section
    3; RFC 3128; for IPv6 RFC 7112, section 5.
    """
    return Reason.FRAGMENT if PacketFlag.FRAGMENT in packet.flags else reason
