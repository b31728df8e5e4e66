"""Counts traffic from outside by destination and result.

It runs over a burst when every verdict is known, and decides nothing. C has counters for a limited
number of destinations, and takes samples; the model always has room, and does not sample.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataplane.model.packet import ACK, ICMP, ICMPV6, RST, SYN, TCP, TCP_FLAGS, UDP, Packet, number
from dataplane.model.state import Lcore
from dataplane.model.traffic import count
from dataplane.native.abi import REASON_STAGE, PacketFlag, Port, Reason, Stage, TrafficKind, Verdict


def count_burst(lcore: Lcore, packets: Sequence[Packet]) -> None:
    """Count all packets of a burst, also those that a stage has dropped.

    Handed-over packets count on the other lcore; packets of protected hosts do not count, except
    their answers to SYNs.
    """
    for packet in packets:
        if packet.verdict is Verdict.HANDED_OVER:
            continue
        if packet.port is Port.INSIDE:
            _count_inside(lcore, packet)
        else:
            _count_outside(lcore, packet)


def _count_inside(lcore: Lcore, packet: Packet) -> None:
    is_known = packet.ip_version != 0 and PacketFlag.LINK_SCOPE not in packet.flags
    if is_known and packet.protocol == TCP and packet.l4_offset:
        flags = packet.data[packet.l4_offset + TCP_FLAGS]
        if flags & (SYN | ACK | RST) == SYN | ACK:
            count(lcore, packet, TrafficKind.SYN_ACK)


def _count_outside(lcore: Lcore, packet: Packet) -> None:
    kinds = {TrafficKind.PACKETS}
    if packet.verdict is Verdict.DROP:
        kinds.add(TrafficKind.DROPPED)
    if PacketFlag.LINK_SCOPE not in packet.flags:
        kinds |= {TrafficKind.MALFORMED} if _is_malformed(packet) else _kinds(lcore, packet)
    for kind in kinds:
        count(lcore, packet, kind, size=packet.length if kind is TrafficKind.PACKETS else 0)


def _has_reason(packet: Packet) -> bool:
    return packet.verdict is Verdict.DROP or PacketFlag.WOULD_DROP in packet.flags


def _is_malformed(packet: Packet) -> bool:
    if packet.anomaly is not Reason.NONE:
        return True
    return _has_reason(packet) and REASON_STAGE[packet.reason] is Stage.SANITY


def _kinds(lcore: Lcore, packet: Packet) -> set[TrafficKind]:
    kinds = {TrafficKind.FRAGMENT} if PacketFlag.FRAGMENT in packet.flags else set()
    if packet.l4_offset == 0:
        return kinds
    if packet.protocol == TCP:
        return kinds | _tcp_kinds(packet)
    if packet.protocol == UDP:
        is_reflected = number(packet.data, packet.l4_offset) in lcore.reflectors
        return kinds | {TrafficKind.UDP} | ({TrafficKind.AMPLIFICATION} if is_reflected else set())
    return kinds | ({TrafficKind.ICMP} if packet.protocol in {ICMP, ICMPV6} else set())


def _tcp_kinds(packet: Packet) -> set[TrafficKind]:
    """For packets that begin no connection: whether they belong to one decides the kind."""
    is_answered = PacketFlag.ANSWER in packet.flags
    if is_answered or packet.is_opening:
        return {TrafficKind.SYN}
    was_never_asked = (
        packet.verdict is Verdict.DROP and REASON_STAGE[packet.reason] < Stage.CONNECTIONS
    )
    if PacketFlag.STRAY not in packet.flags and not was_never_asked:
        return set()
    flags = packet.data[packet.l4_offset + TCP_FLAGS]
    return {TrafficKind.RST if flags & RST else TrafficKind.ACK}
