"""Filter: what a profile does not take at all, from outside: fragments, ports, reflectors.

Reflectors are UDP services that answer with more than they were asked, to whom the question seemed
to come from (US-CERT alert TA14-017A): what comes from such a port and is so long is taken for the
answer to a forged question.
"""

from __future__ import annotations

from collections.abc import Iterator

from dataplane.abi import PacketFlag, Reason
from dataplane.model.node import Lcore, Profile, Time, is_judged, reject
from dataplane.model.packet import TCP, UDP, Packet, number


def filter_(lcore: Lcore, packet: Packet, _now: Time) -> bool:
    """Ask every rule of the profile; one in monitor mode does not shield from those behind it."""
    if not is_judged(packet):
        return True
    profile = lcore.node.profiles[packet.profile]
    return not any(reject(lcore, packet, reason) for reason in _reasons(profile, packet))


def _reasons(profile: Profile, packet: Packet) -> Iterator[Reason]:
    """What speaks against a packet. Only where its transport header can be read it has ports.

    A first fragment has them; its UDP length is that of the whole datagram (RFC 768, RFC 791).
    """
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
        size_min = profile.reflectors.get(number(header, 0))
        if size_min is not None and number(header, 4) >= size_min:
            yield Reason.UDP_AMPLIFICATION
