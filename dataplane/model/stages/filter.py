"""Filter: drops traffic from outside that a profile refuses: bogons, protocols, fragments, ports,
reflectors.

Reflectors are UDP services whose answers are larger than the requests; they answer to the forged
source of a request (US-CERT alert TA14-017A). A datagram from such a port with the minimum size
counts as the answer to a forged request. For NTP the mode decides: lists of a server's clients have
mode 7 or 6; time answers have mode 4, whatever their size.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address

from dataplane.model.packet import TCP, UDP, UDP_BYTES, Packet, number
from dataplane.model.policy import Profile
from dataplane.model.state import Lcore, Time
from dataplane.model.verdict import is_judged, reject
from dataplane.native.abi import PacketFlag, Reason

BOGONS: tuple[IPv4Network | IPv6Network, ...] = (
    *(
        IPv4Network(text)
        for text in (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15"),
            *("198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        )
    ),
    *(IPv6Network(text) for text in ("2001:2::/48", "2001:10::/28", "2001:db8::/32", "3fff::/20")),
)
"""The special-purpose registries (RFC 6890): addresses that are not globally reachable."""
REACHABLE = {ip_address("192.0.0.9"), ip_address("192.0.0.10")}
"""Anycast addresses in 192.0.0.0/24: RFC 7723, RFC 8155."""
GIVEN = IPv6Network("2000::/3"), IPv6Network("64:ff9b::/96")
"""The allocated part of global unicast (RFC 4291, section 2.4), and translated IPv4."""


def filter_(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Apply every rule of the profile; a rule in monitor mode does not prevent later ones from
    dropping."""
    if not is_judged(packet):
        return True
    profile = lcore.node.profiles[packet.profile]
    return not any(reject(lcore, packet, reason) for reason in _reasons(profile, packet))


def _reasons(profile: Profile, packet: Packet) -> Iterator[Reason]:
    """The reasons against a packet. It has ports only if its transport header can be read.

    A first fragment has ports; its UDP length is that of the whole datagram (RFC 768, RFC 791).
    """
    if profile.bogons and _is_bogon(packet):
        yield Reason.BOGONS
    if packet.protocol in profile.protocols:
        yield Reason.PROTOCOLS
    if profile.fragments and PacketFlag.FRAGMENT in packet.flags:
        yield Reason.FRAGMENTS
    if packet.l4_offset == 0:
        return
    header = packet.data[packet.l4_offset : packet.l4_offset + 8]
    if packet.protocol == TCP and profile.refuses_tcp(number(header, 2)):
        yield Reason.PORTS_TCP
    if packet.protocol == UDP:
        if profile.refuses_udp(number(header, 2)):
            yield Reason.PORTS_UDP
        reflector = profile.reflectors.get(number(header, 0))
        payload = packet.data[packet.l4_offset + UDP_BYTES :]
        if reflector is not None and reflector.refuses(number(header, 4), payload):
            yield Reason.UDP_AMPLIFICATION


def _is_bogon(packet: Packet) -> bool:
    """Whether no host on the internet can have the source address."""
    source = ip_address(packet.client or b"")
    if source.version == 6 and not any(source in one for one in GIVEN):
        return True
    return source not in REACHABLE and any(source in one for one in BOGONS)
