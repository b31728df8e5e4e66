"""Profile: the inside address selects the profile of the packet.

The result is the same in both directions. It precedes every stage that judges, because modes belong
to profiles.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from dataplane.model.packet import Packet
from dataplane.model.state import Lcore, Time


def profile(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Select the profile with the longest target that contains the address, else the default, 0.

    An IPv4 target contains IPv4 addresses only, an IPv6 target IPv6 addresses only; an IPv6 address
    that maps IPv4 is IPv4 (RFC 4291, section 2.5.5.2). Of two equal targets the later one decides.
    """
    if packet.protected is None:
        return True
    address = ip_address(packet.protected)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    best = -1
    for network, index in lcore.node.targets:
        if address in network and network.prefixlen >= best:
            best, packet.profile = network.prefixlen, index
    return True
