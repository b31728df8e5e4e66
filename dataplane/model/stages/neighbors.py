"""Neighbours: routing protocols between routers, of which the policy names the outside ones.

If the node refused them, the routers on both sides would lose each other: for example multihop BGP,
OSPF's databases. So country, filter, limits, connections and the SYN proxy do not judge the allowed
protocols of such a router; the lists have judged them already. Sources can be forged: each
neighbour has a budget, and packets beyond it are judged normally.
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
"""Neighbour protocols by IP protocol and port: RFC 4271, 5883, 2328, 7868, 2453, 5036, 3618, 7761,
9568."""
SECOND_Q16 = 10**9 << 16
INCREMENT_Q16 = SECOND_Q16 // NEIGHBOR_PPS_MAX


def exempt(lcore: Lcore, packet: Packet, now: Time) -> None:
    """Mark a packet as exempt, within the budget of its neighbour."""
    found, said = _neighbor(lcore, packet), _said(packet)
    if found is None or said not in lcore.node.neighbors[found][1]:
        return
    if packet.port is Port.OUTSIDE and not _pay(lcore, found, now):
        lcore.neighbor_beyond[said] += 1
        return
    lcore.neighbor[packet.port, said] += 1
    packet.flags |= PacketFlag.NEIGHBOR


def _neighbor(lcore: Lcore, packet: Packet) -> int | None:
    """The index of the neighbour with the outside address, by longest prefix.

    IPv4 and IPv6 are separate; an IPv6 address that maps IPv4 is IPv4 (RFC 4291, section 2.5.5.2).
    Of two equal prefixes the later one decides.
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
    """The protocol of a packet: for UDP by its destination port, for TCP by either port."""
    if packet.protocol not in {TCP, UDP}:
        return SAID.get((packet.protocol, 0))
    if packet.l4_offset == 0:  # a later fragment has no port
        return None
    source, destination = (number(packet.data, packet.l4_offset + at) for at in (0, 2))
    found = [SAID.get((packet.protocol, destination))]
    if packet.protocol == TCP:
        found.append(SAID.get((TCP, source)))
    # If both ports have a meaning, the first one in neighbor.def.
    return min((one for one in found if one is not None), default=None)


def _pay(lcore: Lcore, neighbor: int, now: Time) -> bool:
    """Whether the protocol's bucket, which holds the amount of one second, has room; see
    `limits`."""
    now_q16, burst_q16 = now.ns << 16, INCREMENT_Q16 * NEIGHBOR_PPS_MAX
    key = ("neighbor", neighbor)
    debt = min(max(lcore.full_at.get(key, 0) - now_q16, 0), burst_q16)
    has_room = debt + INCREMENT_Q16 <= burst_q16
    lcore.full_at[key] = now_q16 + debt + (INCREMENT_Q16 if has_room else 0)
    return has_room
