"""Link: packets of link control, and frames that are not IP: recognised, counted and limited.

They pass all stages: if the node refused them, the routers on both sides would lose each other.
Only packets that no host beyond the link can send count as link control, so that they are no way
around the node. Other frames that are not IP pass because some links carry them. They are counted
separately, because no stage judges them, and a profile can refuse them.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from dataplane.model.packet import TCP, UDP, Packet, number
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import reject
from dataplane.native.abi import (
    LINK_CONTROL_PPS_MAX,
    LINK_OTHER_PPS_MAX,
    Link,
    PacketFlag,
    Port,
    Reason,
)

ETHERTYPE_MIN = 0x0600
"""A smaller value is a length: IEEE 802.3, clause 3.2.6."""
CONTROL: dict[int, Link] = {
    0x0806: Link.ARP,
    0x8035: Link.RARP,
    0x8808: Link.FLOW_CONTROL,
    0x8809: Link.SLOW,
    0x888E: Link.EAPOL,
    0x88CC: Link.LLDP,
    0x88F5: Link.MRP,
    0x88F6: Link.MRP,
    0x88F7: Link.PTP,
    0x8902: Link.CFM,
    0x9000: Link.LOOPBACK,
}
"""By EtherType: IEEE's public list."""
STATIONS: dict[int, Link] = {
    **{0x0180C2000000 + i: Link.BRIDGE for i in range(16)},
    0x0180C2000014: Link.ISIS,
    0x0180C2000015: Link.ISIS,
    0x09002B000004: Link.ISIS_POINT,
    0x09002B000005: Link.ISIS_POINT,
    0x01000CCCCCCC: Link.CISCO,
    0x01000CCCCCCD: Link.CISCO,
}
"""By destination, for frames with a length in place of an EtherType."""
OTHERS: dict[int, Link] = {
    0x8847: Link.OTHER_MPLS,
    0x8848: Link.OTHER_MPLS,
    0x8863: Link.OTHER_PPPOE,
    0x8864: Link.OTHER_PPPOE,
    0x88E5: Link.OTHER_MACSEC,
}
GROUPS, LOCAL_GROUPS = IPv4Network("224.0.0.0/4"), IPv4Network("224.0.0.0/24")
"""RFC 5771, section 4: no router forwards packets to the latter, whatever their TTL."""
LOCAL: dict[tuple[int, int], Link] = {
    (UDP, 520): Link.RIP,
    (UDP, 646): Link.LDP,
    (UDP, 1985): Link.HSRP,
    (88, 0): Link.EIGRP,
    (89, 0): Link.OSPF,
    (103, 0): Link.PIM,
    (112, 0): Link.VRRP,
}
"""By protocol and, for UDP, destination port: RFC 2453, 5036, 2281, 7868, 2328, 7761, 9568."""
IGMP = 2
NEIGHBOURS: dict[tuple[int, int], Link] = {
    (UDP, 3784): Link.BFD,
    (UDP, 3785): Link.BFD_ECHO,
    (UDP, 6784): Link.BFD_LAG,
    (TCP, 179): Link.BGP,
}
"""By protocol and port: RFC 5881, RFC 7130; RFC 5082 for BGP."""
HOPS_MAX = 255
SECOND_Q16 = 10**9 << 16


def note(packet: Packet, link: Link) -> None:
    """Note the kind of a packet; NONE: neither link control nor another protocol than IP."""
    packet.link = link
    if link is not Link.NONE:
        packet.flags |= PacketFlag.LINK_SCOPE


def of_frame(packet: Packet, ethertype: int) -> Link:
    """The kind of a frame that is not IP."""
    if ethertype >= ETHERTYPE_MIN:
        return CONTROL.get(ethertype) or OTHERS.get(ethertype, Link.OTHER_ANY)
    return STATIONS.get(int.from_bytes(packet.data[:6], "big"), Link.OTHER_LLC)


def of_ip(packet: Packet) -> Link:
    """The kind of an IP packet without parse errors.

    A packet to the link's groups, or from a neighbour with TTL 255: a router would have made it 254
    (the generalized TTL security mechanism, RFC 5082, section 3).
    """
    ip = packet.data[packet.l3_offset :]
    hops = ip[8] if packet.ip_version == 4 else ip[7]
    if packet.ip_version == 4:
        destination = IPv4Address(ip[16:20])
        is_local = destination in LOCAL_GROUPS and hops in {1, HOPS_MAX}
        if is_local and (found := LOCAL.get(_service(packet, "destination"))):
            return found
        if destination in GROUPS and hops == 1 and packet.protocol == IGMP:
            return Link.IGMP
    if hops != HOPS_MAX:
        return Link.NONE
    found = NEIGHBOURS.get(_service(packet, "destination"))
    if found is None and packet.protocol == TCP:
        found = NEIGHBOURS.get(_service(packet, "source"))
    return found or Link.NONE


def _service(packet: Packet, side: str) -> tuple[int, int]:
    """Protocol, and for UDP and TCP the port; 0: the port can't be read."""
    if packet.protocol not in {UDP, TCP} or packet.l4_offset == 0:
        return packet.protocol, 0
    return packet.protocol, number(packet.data, packet.l4_offset + 2 * (side == "destination"))


def pass_link(lcore: Lcore, packet: Packet, now: Time) -> None:
    """Count it; refuse it if the default profile does, or if there are too many of its kind.

    Each kind has a bucket for each port: a storm of one kind does not affect the others.
    """
    lcore.link[packet.port, packet.link] += 1
    is_other = packet.link.name.startswith("OTHER_")
    if is_other and is_refused(lcore, packet) and reject(lcore, packet, Reason.ETHERTYPES):
        return
    pps = LINK_OTHER_PPS_MAX if is_other else LINK_CONTROL_PPS_MAX
    if not _pay(lcore, packet, SECOND_Q16 // pps, pps, now):
        reject(lcore, packet, Reason.NON_IP_LIMIT if is_other else Reason.LINK_LIMIT)


def is_refused(lcore: Lcore, packet: Packet) -> bool:
    """Whether it comes from outside and the default profile refuses its EtherType."""
    ethertypes = lcore.node.profiles[0].ethertypes
    if packet.port is not Port.OUTSIDE or ethertypes is None:
        return False
    return ethertypes.refuses(number(packet.data, 12 + 4 * packet.vlan_count))


def _pay(lcore: Lcore, packet: Packet, increment_q16: int, burst: int, now: Time) -> bool:
    """Whether the bucket has room; see `limits`."""
    now_q16 = now.ns << 16
    key = ("link", packet.port, packet.link)
    debt = min(max(lcore.full_at.get(key, 0) - now_q16, 0), increment_q16 * burst)
    has_room = debt + increment_q16 <= increment_q16 * burst
    lcore.full_at[key] = now_q16 + debt + (increment_q16 if has_room else 0)
    return has_room
