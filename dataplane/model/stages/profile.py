"""Profile: the inside address selects which profile protects the packet.

The same in both directions, and before any stage that judges: modes are a profile's.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from dataplane.model.packet import Packet
from dataplane.model.state import Lcore, Time


def profile(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Take the profile of the longest target that contains the address, else the default, 0.

    An IPv4 target is one of IPv4 addresses only, and so for IPv6; an IPv6 address that maps one of
    IPv4 is that (RFC 4291, section 2.5.5.2). Of two targets that are the same the later decides.
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
