"""Tunnels: IP packets inside VXLAN and GRE, for the profiles that judge or refuse them.

The outer packet has passed the stages that only drop; they then judge the inner packet, whose
positions replace those of the outer one. The stages after them skip it, as each packet inside an
encapsulation. A tunnel packet without an IP packet goes on as the outer packet.
"""

from __future__ import annotations

from enum import Enum, auto

from dataplane.model.headers import CutShortError, MalformedError, take
from dataplane.model.packet import GRE, UDP, UDP_BYTES, Packet, end_of_ip, number
from dataplane.model.stages.parse.inner import IPV4, Network
from dataplane.model.stages.parse.parse import parse_ethernet, parse_network
from dataplane.model.state import Lcore
from dataplane.model.verdict import drop, reject
from dataplane.native.abi import Encapsulation, Inside, PacketFlag, Port, Reason

BRIDGED, WCCP = 0x6558, 0x883E
"""Protocols of GRE that are no EtherType of what follows: an Ethernet frame (RFC 7637, section
3.2), and IPv4 with or without a redirect header of 4 bytes."""
GRE_BYTES, FIELD_BYTES = 4, 4
GRE_FIELDS = (0x8000, 0x2000, 0x1000)
"""Checksum, key, sequence number: RFC 2784, section 2.1; RFC 2890, section 2."""
GRE_INVALID = 0x4C07
"""Receivers discard these bits, and versions other than 0: RFC 2784, sections 2.3 and 2.3.1."""
VXLAN_BYTES, HAS_ID = 8, 0x08
"""RFC 7348, section 5."""


class Outcome(Enum):
    """What became of a packet."""

    OUTER = auto()
    INNER = auto()
    DROPPED = auto()


def open_tunnel(lcore: Lcore, packet: Packet) -> Outcome:
    """Make the packet of a tunnel that which is inside."""
    profile = lcore.node.profiles[packet.profile]
    kind = _kind_of(packet, profile.vxlan_port)
    inside = Inside.PASS if kind is None else profile.inside.get(kind, Inside.PASS)
    if kind is None or inside is Inside.PASS:
        return Outcome.OUTER
    lcore.inner[packet.port, kind] += 1
    is_fragment = PacketFlag.FRAGMENT in packet.flags  # what is inside can't be judged
    is_unwanted = packet.port is Port.OUTSIDE and (inside is Inside.REFUSE or is_fragment)
    if is_unwanted and reject(lcore, packet, Reason.INNER_REFUSED):
        return Outcome.DROPPED
    return Outcome.OUTER if is_fragment else _open(lcore, packet, kind)


def _kind_of(packet: Packet, vxlan_port: int) -> Encapsulation | None:
    if packet.ip_version == 0 or PacketFlag.INNER in packet.flags:
        return None
    if packet.protocol == GRE:
        return Encapsulation.GRE
    if packet.protocol != UDP or packet.l4_offset == 0:
        return None
    is_vxlan = number(packet.data, packet.l4_offset + 2) == vxlan_port
    return Encapsulation.VXLAN if is_vxlan else None


def _open(lcore: Lcore, packet: Packet, kind: Encapsulation) -> Outcome:
    flags = packet.flags & PacketFlag.CUT | PacketFlag.INNER
    inner = Packet(packet.data, packet.length, packet.port, flags)
    try:
        payload = _behind_gre if kind is Encapsulation.GRE else _behind_vxlan
        parse_network(inner, payload(packet, inner))
    except CutShortError:
        return Outcome.OUTER
    except MalformedError as malformed:
        inner.anomaly = malformed.reason
    if inner.anomaly is Reason.HEADER_SPLIT:
        drop(lcore, packet, Reason.HEADER_SPLIT)
        return Outcome.DROPPED
    is_ip = PacketFlag.INNER in inner.flags and inner.l3_offset != 0
    if is_ip and PacketFlag.LINK_SCOPE not in inner.flags:
        _replace(packet, inner)
        return Outcome.INNER
    is_malformed = inner.anomaly is not Reason.NONE
    return (
        Outcome.DROPPED if is_malformed and reject(lcore, packet, inner.anomaly) else Outcome.OUTER
    )


def _replace(packet: Packet, inner: Packet) -> None:
    """Make a packet the inner one. It stays on its lcore, and its tags are those of the frame."""
    packet.flags = inner.flags | packet.flags & PacketFlag.WOULD_DROP
    packet.profile = 0
    for name in (
        *("l3_offset", "l4_offset", "payload_offset", "client_offset", "protected_offset"),
        *("ip_version", "protocol", "link", "anomaly"),
    ):
        setattr(packet, name, getattr(inner, name))


def _behind_vxlan(outer: Packet, inner: Packet) -> Network:
    claimed_bytes = number(outer.data, outer.l4_offset + 4)
    end = min(outer.l4_offset + claimed_bytes, outer.length)
    offset = outer.l4_offset + UDP_BYTES
    vxlan = take(inner, offset, VXLAN_BYTES, end, Reason.INNER_MALFORMED)
    if not vxlan[0] & HAS_ID:
        raise MalformedError(Reason.INNER_MALFORMED)
    return parse_ethernet(inner, Network(None, offset + VXLAN_BYTES, end))


def _behind_gre(outer: Packet, inner: Packet) -> Network:
    if outer.l4_offset == 0:
        if PacketFlag.CUT in outer.flags:
            raise CutShortError
        raise MalformedError(Reason.INNER_MALFORMED)
    header = outer.data[outer.l4_offset : outer.l4_offset + GRE_BYTES]
    flags, ethertype = number(header, 0), number(header, 2)
    fields = sum(flags & field != 0 for field in GRE_FIELDS)
    offset = outer.l4_offset + GRE_BYTES + FIELD_BYTES * fields
    end = min(end_of_ip(outer), outer.length)
    if flags & GRE_INVALID or offset > end:
        raise MalformedError(Reason.INNER_MALFORMED)
    if ethertype == BRIDGED:
        return parse_ethernet(inner, Network(None, offset, end))
    if ethertype == WCCP:
        first = take(inner, offset, 1, end, Reason.INNER_MALFORMED)
        return Network(IPV4, offset if first[0] >> 4 == 4 else offset + 4, end)
    return Network(ethertype, offset, end)
