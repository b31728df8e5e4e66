"""Inner: IP packets inside MPLS and PPPoE sessions, with or without VLAN tags.

All stages that only drop judge them like packets without encapsulation. Stages that keep state of a
client, or would have to answer it, skip them. Payload that is not IP passes under the rules of
`link`.
"""

from __future__ import annotations

from typing import NamedTuple

from dataplane.model.headers import MalformedError, take
from dataplane.model.packet import Packet, number
from dataplane.model.stages.parse.link import is_refused
from dataplane.model.state import Lcore
from dataplane.model.tcp_frame import checksum
from dataplane.model.verdict import reject
from dataplane.native.abi import (
    MPLS_LABELS_MAX,
    Encapsulation,
    Inside,
    PacketFlag,
    Port,
    Reason,
)

IPV4, IPV6 = 0x0800, 0x86DD
MPLS = {0x8847, 0x8848}
"""RFC 5332, section 3."""
PPPOE_SESSION = 0x8864
ENCAPSULATIONS = {*MPLS, PPPOE_SESSION}
LABEL_BYTES, BOTTOM = 4, 1 << 8
EXPLICIT_NULL = {0: IPV4, 2: IPV6}
"""Labels that define the payload of the stack: RFC 3032, section 2.1."""
PPPOE_BYTES, VERSION_TYPE_CODE = 6, b"\x11\x00"
PPP = {0x21: IPV4, 0x57: IPV6}
"""Protocols: RFC 1332, RFC 5072."""
IPV4_BYTES, IPV6_BYTES = 20, 40


class Network(NamedTuple):
    """A network packet within a frame."""

    ethertype: int | None
    """None: neither IPv4 nor IPv6."""
    offset: int
    end: int
    """The end of its room."""


def find(packet: Packet, outer: Network) -> Network:
    """Find the packet inside an encapsulation."""
    is_mpls = outer.ethertype in MPLS
    return _behind_labels(packet, outer) if is_mpls else _in_session(packet, outer)


def _behind_labels(packet: Packet, outer: Network) -> Network:
    """RFC 3032, section 2.1: entries of four bytes; the last one has the bit BOTTOM."""
    offset = outer.offset
    for _ in range(MPLS_LABELS_MAX):
        taken = take(packet, offset, LABEL_BYTES, outer.end, Reason.INNER_MALFORMED)
        entry, offset = int.from_bytes(taken, "big"), offset + LABEL_BYTES
        if entry & BOTTOM:
            ethertype = EXPLICIT_NULL.get(entry >> 12) or _guess(packet, offset, outer.end)
            return Network(ethertype, offset, outer.end)
    raise MalformedError(Reason.INNER_MALFORMED)


def _guess(packet: Packet, offset: int, end: int) -> int | None:
    """For other labels only the payload's first bits tell its kind (RFC 4928, section 3).

    A pseudowire's control word begins with 0 or 1 (RFC 4385). A pseudowire without a control word
    begins with a MAC address, so the payload counts as IP only if its lengths fit and, for IPv4,
    its checksum is right.
    """
    room = end - offset
    version = take(packet, offset, 1, end, Reason.NONE)[0] >> 4 if room > 0 else 0
    if version == 6 and room >= IPV6_BYTES:
        ip = take(packet, offset, IPV6_BYTES, end, Reason.NONE)
        return IPV6 if IPV6_BYTES + number(ip, 4) <= room else None
    if version == 4 and room >= IPV4_BYTES:
        ip = take(packet, offset, IPV4_BYTES, end, Reason.NONE)
        size, total = (ip[0] & 0x0F) * 4, number(ip, 2)
        if IPV4_BYTES <= size <= total <= room:
            is_right = checksum(take(packet, offset, size, end, Reason.NONE)) == bytes(2)
            return IPV4 if is_right else None
    return None


def _in_session(packet: Packet, outer: Network) -> Network:
    """RFC 2516, section 4: version and type 1, code 0, session, length; then PPP's protocol.

    The protocol has two bytes, or one that is odd (RFC 1661, sections 2 and 6.5).
    """
    header = take(packet, outer.offset, PPPOE_BYTES, outer.end, Reason.INNER_MALFORMED)
    offset = outer.offset + PPPOE_BYTES
    end = offset + number(header, 4)
    if header[:2] != VERSION_TYPE_CODE or end > outer.end:
        raise MalformedError(Reason.INNER_MALFORMED)
    first = take(packet, offset, 1, end, Reason.INNER_MALFORMED)
    size = 1 if first[0] & 1 else 2
    protocol = take(packet, offset, size, end, Reason.INNER_MALFORMED)
    return Network(PPP.get(int.from_bytes(protocol, "big")), offset + size, end)


def kind_of(packet: Packet) -> Encapsulation:
    """The kind of an encapsulated frame."""
    is_mpls = number(packet.data, 12 + 4 * packet.vlan_count) in MPLS
    return Encapsulation.MPLS if is_mpls else Encapsulation.PPPOE


def is_passed(lcore: Lcore, packet: Packet) -> bool:
    """Whether the payload is not inspected."""
    inside = lcore.node.profiles[0].inside
    return inside.get(kind_of(packet), Inside.JUDGE) is Inside.PASS


def judge(lcore: Lcore, packet: Packet) -> bool:
    """Count an encapsulated packet; False: the default profile refuses it.

    Clears the NIC's result: the NIC, if it checked at all, has verified another header.
    """
    kind = kind_of(packet)
    packet.flags &= ~PacketFlag.CHECKSUM_GOOD
    lcore.inner[packet.port, kind] += 1
    if packet.port is not Port.OUTSIDE:
        return True
    if is_refused(lcore, packet) and reject(lcore, packet, Reason.ETHERTYPES):
        return False
    inside = lcore.node.profiles[0].inside.get(kind, Inside.JUDGE)
    return inside is not Inside.REFUSE or not reject(lcore, packet, Reason.INNER_REFUSED)
