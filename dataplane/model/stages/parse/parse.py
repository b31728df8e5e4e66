"""Parse: finds the headers of a packet, once; every later stage uses the noted positions.

Parse does not judge: it notes the first error in ``packet.anomaly``, and sanity decides about it.
Three kinds of packets leave the pipeline here:

* link control, and frames that are not IP (``link``, and what ``parse_ip`` and ``parse_transport``
  recognise): they pass, unless they exceed a limit or the default profile refuses them;
* a packet that a capture has cut within its headers: it passes, since it can't be judged;
* a packet whose headers extend beyond the first buffer segment: it is dropped.
"""

from __future__ import annotations

from dataplane.model.headers import CutShortError, MalformedError, take
from dataplane.model.packet import Packet, number
from dataplane.model.stages.parse.inner import (
    ENCAPSULATIONS,
    IPV4,
    IPV6,
    Network,
    find,
    is_passed,
    judge,
)
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
TAGS = {0x8100, 0x88A8, 0x9100}
"""EtherTypes of VLAN tags: IEEE 802.1Q, 802.1ad, and predecessors of the latter."""


def parse(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Find the headers; all packets go on, except those of the three kinds above."""
    _parse(lcore, packet)
    if PacketFlag.INNER in packet.flags and not judge(lcore, packet):
        return False
    if PacketFlag.CUT_SHORT in packet.flags:
        return False
    if packet.anomaly is Reason.HEADER_SPLIT:
        drop(lcore, packet, Reason.HEADER_SPLIT)
        return False
    if PacketFlag.LINK_SCOPE not in packet.flags:
        return True
    pass_link(lcore, packet, now)
    return False


def _parse(lcore: Lcore, packet: Packet) -> None:
    try:
        network = parse_ethernet(packet, Network(None, 0, packet.length))
        if network.ethertype in ENCAPSULATIONS and is_passed(lcore, packet):
            note(packet, of_frame(packet, network.ethertype or 0))
        else:
            parse_network(packet, network)
    except CutShortError:
        packet.flags |= PacketFlag.CUT_SHORT
    except MalformedError as malformed:
        packet.anomaly = malformed.reason


def parse_ethernet(packet: Packet, frame: Network) -> Network:
    """The payload after up to two tags: by an EtherType, or an IEEE 802.3 length."""
    ethernet = take(packet, frame.offset, ETHERNET_BYTES, frame.end, Reason.ETHERNET_TRUNCATED)
    ethertype, offset = number(ethernet, 12), frame.offset + ETHERNET_BYTES
    while ethertype in TAGS:
        if packet.vlan_count == TAGS_MAX:
            raise MalformedError(Reason.VLAN_DEPTH)
        tag = take(packet, offset, TAG_BYTES, frame.end, Reason.ETHERNET_TRUNCATED)
        if packet.vlan_count == 0:
            packet.vlan_id = number(tag, 0) & VLAN_ID_MASK
        packet.vlan_count += 1
        ethertype, offset = number(tag, 2), offset + TAG_BYTES
    return Network(ethertype, offset, frame.end)


def parse_network(packet: Packet, network: Network) -> None:
    """Parse an IP packet, bare or inside MPLS or PPPoE; for other payloads, set the link."""
    if network.ethertype in {IPV4, IPV6}:
        _parse_ip(packet, network)
    elif network.ethertype in ENCAPSULATIONS:
        _parse_inner(packet, network)
    else:
        note(packet, of_frame(packet, network.ethertype or 0))


def _parse_inner(packet: Packet, outer: Network) -> None:
    """Parse the payload of an encapsulation; there only link-local IPv6 is link control."""
    packet.flags |= PacketFlag.INNER
    network = find(packet, outer)
    if network.ethertype is not None:
        _parse_ip(packet, network)
        return
    packet.flags &= ~PacketFlag.INNER
    note(packet, of_frame(packet, outer.ethertype or 0))


def _parse_ip(packet: Packet, network: Network) -> None:
    packet.l3_offset = network.offset
    if network.ethertype == IPV4:
        parse_ipv4(packet, network.offset, network.end)
    else:
        parse_ipv6(packet, network.offset, network.end)
    if packet.link is Link.NONE and PacketFlag.INNER not in packet.flags:
        note(packet, of_ip(packet))
