"""How the parser reads: one header after the other, each only where it is whole."""

from __future__ import annotations

from dataplane.model.packet import Packet
from dataplane.native.abi import PacketFlag, Port, Reason


class MalformedError(Exception):
    """The walk through the headers ends here, for a reason that sanity will judge."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.name)
        self.reason = reason


class CutShortError(Exception):
    """The walk ends here because a capture has kept no more of the packet."""


def take(packet: Packet, offset: int, size: int, end: int, truncated: Reason) -> bytes:
    """Read ``size`` bytes at ``offset``, which the packet must have before ``end``.

    Raises MalformedError with ``truncated`` where it has not, with HEADER_SPLIT where it has but
    they lie beyond the first segment; CutShortError where a capture has cut them off.
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
    """Note where the addresses are, by the side on which their owners are."""
    if packet.port is Port.OUTSIDE:
        packet.client_offset, packet.protected_offset = source, destination
    else:
        packet.client_offset, packet.protected_offset = destination, source


def unless_fragment(packet: Packet, reason: Reason) -> Reason:
    """The reason for a packet that ends too early; FRAGMENT if it is a first fragment.

    A first fragment must show all headers up to the transport header's end: RFC 1858, section 3;
    RFC 3128; for IPv6 RFC 7112, section 5.
    """
    return Reason.FRAGMENT if PacketFlag.FRAGMENT in packet.flags else reason
