"""Connections: which one a packet belongs to, in both directions, and what belongs to none.

Only what comes from outside is judged: what protected hosts send moves a connection on, or begins
one, and is never refused. The allowlist does not help, as sources can be forged. Followed are TCP,
UDP and ICMP echo; other packets, and fragments without a transport header, pass.

C keeps connections in a table of fixed size, where one that is not proven can lose its place
(``fastpath/tables/flows.c``). Here there is always room.
"""

from __future__ import annotations

from collections.abc import Hashable
from ipaddress import ip_address, ip_network

from dataplane.abi import FlowState, PacketFlag, Port, Reason
from dataplane.model.node import Lcore, Time, reject
from dataplane.model.packet import ICMP, ICMPV6, RST, SYN, TCP, TCP_FLAGS, UDP, Packet, number
from dataplane.model.tcp_state import (
    FIN,
    PROVEN_STATES,
    REOPENABLE,
    Flow,
    Segment,
    follow,
    opened,
    picked_up,
)

ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
"""Types of request and reply."""
LENGTH_FIELD = {4: 2, 6: 4}
IPV6_BYTES = 40
TCP_BYTES = 20
OPTION_END, OPTION_NOP, OPTION_SCALE = 0, 1, 3
"""RFC 9293, section 3.2, and RFC 7323, section 2."""
OPTION_SCALE_BYTES = 3
SCALE_MAX = 14
"""RFC 7323, section 2.3."""


def connections(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Follow a packet's connection, or refuse what belongs to none."""
    if not lcore.tracks or not _has_connection(packet):
        return True
    key = _key(packet)
    flow = lcore.flows.get(key)
    if flow is not None and flow.deadline_ds <= now.boot_ds:
        _forget(lcore, key)
        flow = None
    if packet.protocol == TCP:
        return _judge_tcp(lcore, packet, key, flow, now)
    return _judge_pair(lcore, packet, key, flow, now)


def _has_connection(packet: Packet) -> bool:
    if packet.payload_offset == 0:  # no transport header, or one that is wrong and was let through
        return False
    return packet.protocol in {TCP, UDP} or (packet.data[packet.l4_offset] in ECHO[packet.protocol])


def _key(packet: Packet) -> Hashable:
    """The same in both directions; of an echo the identifier stands for the ports.

    Not the VLAN: answers may come back in another one.
    """
    l4, ports = packet.l4_offset, (0, 0)
    if packet.protocol in ECHO:
        ports = number(packet.data, l4 + 4), 0
    else:
        ports = number(packet.data, l4), number(packet.data, l4 + 2)
        ports = ports if packet.port is Port.OUTSIDE else ports[::-1]
    return packet.client, packet.protected, packet.protocol, ports


def _judge_tcp(lcore: Lcore, packet: Packet, key: Hashable, flow: Flow | None, now: Time) -> bool:
    segment = _segment(packet)
    if flow is not None and segment.is_opening and flow.state in REOPENABLE:
        _forget(lcore, key)
        flow = None
    if flow is None:
        return _begin_tcp(lcore, packet, key, segment, now)
    reason = follow(flow, segment)
    if reason is not Reason.NONE:
        return _goes_on(lcore, packet, reason)
    if not flow.is_proven and flow.state in PROVEN_STATES:
        flow.is_proven, flow.source = True, _source(packet)
        lcore.proven_of[flow.source] += 1
    if flow.state in {FlowState.CLOSED, FlowState.RESET}:
        _release_source(lcore, flow)
    if PacketFlag.FRAGMENT in packet.flags and flow.is_proven:
        flow.is_liberal = True  # how long its segment is, a first fragment does not say
    _touch(lcore, flow, now)
    return True


def _begin_tcp(lcore: Lcore, packet: Packet, key: Hashable, segment: Segment, now: Time) -> bool:
    is_learning = lcore.node.learning_until_ds > now.boot_ds
    if not segment.is_opening:
        if segment.flags & (SYN | RST):
            return _goes_on(lcore, packet, Reason.OUT_OF_STATE)
        if not is_learning and not _goes_on(lcore, packet, Reason.OUT_OF_STATE):
            return False
    elif packet.port is Port.OUTSIDE:
        most = lcore.node.profiles[packet.profile].connections_max
        is_full = most and lcore.proven_of[_source(packet)] >= most
        if is_full and not _goes_on(lcore, packet, Reason.CONNECTIONS_SOURCE):
            return False
    _begin(lcore, key, opened(segment) if segment.is_opening else picked_up(segment), now)
    return True


def _judge_pair(lcore: Lcore, packet: Packet, key: Hashable, flow: Flow | None, now: Time) -> bool:
    """UDP and ICMP echo: whether there was an answer is all there is to know."""
    if flow is None:
        if packet.protocol != UDP and packet.data[packet.l4_offset] == ECHO[packet.protocol][1]:
            return _goes_on(lcore, packet, Reason.OUT_OF_STATE)
        _begin(lcore, key, Flow(FlowState.ONE_WAY, packet.port), now)
        return True
    if packet.port is not flow.opener:
        flow.state = FlowState.TWO_WAY
    _touch(lcore, flow, now)
    return True


def _begin(lcore: Lcore, key: Hashable, flow: Flow, now: Time) -> None:
    lcore.flows[key] = flow
    lcore.flows_opened += 1
    _touch(lcore, flow, now)


def _touch(lcore: Lcore, flow: Flow, now: Time) -> None:
    flow.deadline_ds = now.boot_ds + lcore.node.timeouts_ds[flow.state]


def _forget(lcore: Lcore, key: Hashable) -> None:
    _release_source(lcore, lcore.flows.pop(key))


def _release_source(lcore: Lcore, flow: Flow) -> None:
    if flow.source is not None:
        lcore.proven_of[flow.source] -= 1
        flow.source = None


def _goes_on(lcore: Lcore, packet: Packet, reason: Reason) -> bool:
    """Whether a packet with a reason against it is let through."""
    return packet.port is Port.INSIDE or not reject(lcore, packet, reason)


def _segment(packet: Packet) -> Segment:
    tcp, end = packet.data[packet.l4_offset :], _end_of_ip(packet)
    flags = tcp[TCP_FLAGS]
    return Segment(
        sequence=int.from_bytes(tcp[4:8], "big"),
        acknowledgment=int.from_bytes(tcp[8:12], "big"),
        length=max(end - packet.payload_offset, 0) + bool(flags & FIN) + bool(flags & SYN),
        window=number(tcp, 14),
        flags=flags,
        sender=packet.port,
        scale=_scale(packet) if flags & SYN else None,
    )


def _end_of_ip(packet: Packet) -> int:
    """By the length field of the IP header, which may say less than the frame has."""
    length = number(packet.data, packet.l3_offset + LENGTH_FIELD[packet.ip_version])
    return packet.l3_offset + length + (IPV6_BYTES if packet.ip_version == 6 else 0)


def _scale(packet: Packet) -> int | None:
    """The window scale option's shift; None: there is none, or the options are malformed first."""
    options = packet.data[packet.l4_offset + TCP_BYTES : packet.payload_offset]
    while options and options[0] != OPTION_END:
        if options[0] == OPTION_NOP:
            options = options[1:]
            continue
        size = options[1] if len(options) > 1 else 0
        if not 2 <= size <= len(options):
            return None
        if options[0] == OPTION_SCALE and size == OPTION_SCALE_BYTES:
            return min(options[2], SCALE_MAX)
        options = options[size:]
    return None


def _source(packet: Packet) -> Hashable:
    """An IPv4 address or an IPv6 /64, as for limits; profiles count apart."""
    bits = 32 if packet.ip_version == 4 else 64
    network = ip_network((ip_address(packet.client or b""), bits), strict=False)
    return packet.profile, network
