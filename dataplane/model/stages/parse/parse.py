"""Parse: find the headers of a packet, once; every later stage goes by what is noted here.

Judges nothing: the first thing that is malformed is noted in ``packet.anomaly``, and sanity decides
about it. Three kinds of packets leave the pipeline here:

* what is of the link itself or not IP (``link``, and what ``parse_ip`` and ``parse_transport``
  recognise): passes, but for what is too much of it, or refused by the default profile;
* a packet that a capture has cut before its headers ended: passes, since nobody can judge it;
* a packet whose headers go on beyond the first buffer segment: dropped.
"""

from __future__ import annotations

from dataplane.model.headers import CutShortError, MalformedError, take
from dataplane.model.packet import Packet, number
from dataplane.model.stages.parse.link import note, of_frame, of_ip, pass_link
from dataplane.model.stages.parse.parse_ip import parse_ipv4, parse_ipv6
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import drop
from dataplane.native.abi import Link, PacketFlag, Reason

ETHERNET_BYTES = 14
"""Destination, source, EtherType: IEEE 802.3, clause 3."""
TAG_BYTES = 4
TAGS_MAX = 2
VLAN_ID_MASK = 0x0FFF
IPV4, IPV6 = 0x0800, 0x86DD
TAGS = {0x8100, 0x88A8, 0x9100}
"""EtherTypes of VLAN tags: IEEE 802.1Q, 802.1ad, and what was used for the latter before it."""


def parse(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Find the headers; lets all go on but the three kinds above."""
    try:
        _parse_ethernet(packet)
    except CutShortError:
        packet.flags |= PacketFlag.CUT_SHORT
        return False
    except MalformedError as malformed:
        packet.anomaly = malformed.reason
    if packet.anomaly is Reason.HEADER_SPLIT:
        drop(lcore, packet, Reason.HEADER_SPLIT)
        return False
    if PacketFlag.LINK_SCOPE not in packet.flags:
        return True
    pass_link(lcore, packet, now)
    return False


def _parse_ethernet(packet: Packet) -> None:
    """Up to two tags, then IPv4 or IPv6; by an EtherType, or an IEEE 802.3 length, else not IP."""
    ethernet = take(packet, 0, ETHERNET_BYTES, packet.length, Reason.ETHERNET_TRUNCATED)
    ethertype, offset = number(ethernet, 12), ETHERNET_BYTES
    while ethertype in TAGS:
        if packet.vlan_count == TAGS_MAX:
            raise MalformedError(Reason.VLAN_DEPTH)
        tag = take(packet, offset, TAG_BYTES, packet.length, Reason.ETHERNET_TRUNCATED)
        if packet.vlan_count == 0:
            packet.vlan_id = number(tag, 0) & VLAN_ID_MASK
        packet.vlan_count += 1
        ethertype, offset = number(tag, 2), offset + TAG_BYTES
    if ethertype not in {IPV4, IPV6}:
        note(packet, of_frame(packet, ethertype))
        return
    packet.l3_offset = offset
    if ethertype == IPV4:
        parse_ipv4(packet, offset)
    else:
        parse_ipv6(packet, offset)
    if packet.link is Link.NONE:
        note(packet, of_ip(packet))
