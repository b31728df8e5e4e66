"""Neighbours: what routers that the policy names say to one another through the node.

A node that refused it would take the routers on both sides from one another: BGP over several hops,
OSPF's databases. So neither country nor filter, limits, connections nor the SYN proxy refuse what
such a router may say; the lists have judged it by now. Sources can be forged: each has a budget of
its own, and beyond it is judged as everybody is.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from dataplane.model.packet import TCP, UDP, Packet, number
from dataplane.model.state import Lcore, Time
from dataplane.native.abi import NEIGHBOR_PPS_MAX, Neighbor, PacketFlag, Port

SAID: dict[tuple[int, int], Neighbor] = {
    (TCP, 179): Neighbor.BGP,
    (UDP, 4784): Neighbor.BFD,
    (89, 0): Neighbor.OSPF,
    (88, 0): Neighbor.EIGRP,
    (UDP, 520): Neighbor.RIP,
    (TCP, 646): Neighbor.LDP,
    (UDP, 646): Neighbor.LDP,
    (TCP, 639): Neighbor.MSDP,
    (103, 0): Neighbor.PIM,
    (112, 0): Neighbor.VRRP,
}
"""By protocol and port: RFC 4271, 5883, 2328, 7868, 2453, 5036, 3618, 7761, 9568."""
SECOND_Q16 = 10**9 << 16
INCREMENT_Q16 = SECOND_Q16 // NEIGHBOR_PPS_MAX


def exempt(lcore: Lcore, packet: Packet, now: Time) -> None:
    """Mark a packet that nobody judges, as far as the budget of its neighbour goes."""
    found, said = _neighbor(lcore, packet), _said(packet)
    if found is None or said not in lcore.node.neighbors[found][1]:
        return
    if packet.port is Port.OUTSIDE and not _pay(lcore, found, now):
        lcore.neighbor_beyond[said] += 1
        return
    lcore.neighbor[packet.port, said] += 1
    packet.flags |= PacketFlag.NEIGHBOR


def _neighbor(lcore: Lcore, packet: Packet) -> int | None:
    """The place of the one that the outside address is, by longest prefix.

    IPv4 and IPv6 apart, and an IPv6 address that maps one of IPv4 is that (RFC 4291, section
    2.5.5.2). Of two that are the same the later decides.
    """
    if packet.client is None:
        return None
    client = ip_address(packet.client)
    if isinstance(client, IPv6Address):
        client = client.ipv4_mapped or client
    containing = [
        (network.prefixlen, index)
        for index, (network, _) in enumerate(lcore.node.neighbors)
        if client in network
    ]
    return max(containing)[1] if containing else None


def _said(packet: Packet) -> Neighbor | None:
    """What a packet is: of UDP its destination port says so, of TCP either."""
    if packet.protocol not in {TCP, UDP}:
        return SAID.get((packet.protocol, 0))
    if packet.l4_offset == 0:  # a later fragment has no port
        return None
    source, destination = (number(packet.data, packet.l4_offset + at) for at in (0, 2))
    found = [SAID.get((packet.protocol, destination))]
    if packet.protocol == TCP:
        found.append(SAID.get((TCP, source)))
    # Where both ports mean something, what is first in neighbor.def.
    return min((one for one in found if one is not None), default=None)


def _pay(lcore: Lcore, neighbor: int, now: Time) -> bool:
    """Whether its bucket, which holds a second's worth, has room; see `limits`."""
    now_q16, burst_q16 = now.ns << 16, INCREMENT_Q16 * NEIGHBOR_PPS_MAX
    key = ("neighbor", neighbor)
    debt = min(max(lcore.full_at.get(key, 0) - now_q16, 0), burst_q16)
    has_room = debt + INCREMENT_Q16 <= burst_q16
    lcore.full_at[key] = now_q16 + debt + (INCREMENT_Q16 if has_room else 0)
    return has_room
