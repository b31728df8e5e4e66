"""Inner: IP packets inside MPLS and PPPoE sessions, behind any VLAN tags.

They are judged as if they came bare, by all stages that only drop: what keeps state of a client, or
would have to answer it, does not look at them. What is not IP inside passes as `link` says.
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
"""Labels that say what follows the stack: RFC 3032, section 2.1."""
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
    """Where there is no room for it any more."""


def find(packet: Packet, outer: Network) -> Network:
    """What is inside of an encapsulation."""
    is_mpls = outer.ethertype in MPLS
    return _behind_labels(packet, outer) if is_mpls else _in_session(packet, outer)


def _behind_labels(packet: Packet, outer: Network) -> Network:
    """RFC 3032, section 2.1: entries of four bytes, of which the last has the bit BOTTOM."""
    offset = outer.offset
    for _ in range(MPLS_LABELS_MAX):
        taken = take(packet, offset, LABEL_BYTES, outer.end, Reason.INNER_MALFORMED)
        entry, offset = int.from_bytes(taken, "big"), offset + LABEL_BYTES
        if entry & BOTTOM:
            ethertype = EXPLICIT_NULL.get(entry >> 12) or _guess(packet, offset, outer.end)
            return Network(ethertype, offset, outer.end)
    raise MalformedError(Reason.INNER_MALFORMED)


def _guess(packet: Packet, offset: int, end: int) -> int | None:
    """Nothing tells what other labels carry but its first bits (RFC 4928, section 3).

    A pseudowire's control word begins with 0 or 1 (RFC 4385). Without one, the frame of a
    pseudowire begins with the address of a station, so IP is only what has lengths that fit, and of
    IPv4 a right checksum.
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

    That has two bytes, or one that is odd (RFC 1661, sections 2 and 6.5).
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
    """Of a frame that is one."""
    is_mpls = number(packet.data, 12 + 4 * packet.vlan_count) in MPLS
    return Encapsulation.MPLS if is_mpls else Encapsulation.PPPOE


def is_passed(lcore: Lcore, packet: Packet) -> bool:
    """Whether nobody is to look inside."""
    inside = lcore.node.profiles[0].inside
    return inside.get(kind_of(packet), Inside.JUDGE) is Inside.PASS


def judge(lcore: Lcore, packet: Packet) -> bool:
    """Count what came inside another; False: the default profile refuses it.

    What the NIC has verified, if it has looked at all, was another header.
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
