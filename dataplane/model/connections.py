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
from dataplane.model.node import Lcore, Time, drop, reject
from dataplane.model.packet import ICMP, ICMPV6, RST, SYN, TCP, UDP, Packet, number
from dataplane.model.syn_proxy import (
    answer,
    learn,
    mss_of_cookie,
    must_ask,
    open_host,
    segment_of,
    wait,
)
from dataplane.model.syn_watch import count_completed, is_on, was_on
from dataplane.model.tcp_frame import Options, read_options
from dataplane.model.tcp_state import (
    PROVEN_STATES,
    REOPENABLE,
    Flow,
    Segment,
    follow,
    opened,
    picked_up,
)
from dataplane.model.translation import as_host_sees, quoted_segment, translate, translate_quote

ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
"""Types of request and reply."""


def connections(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Follow a packet's connection, or refuse what belongs to none."""
    if not lcore.tracks:
        return True
    quote = quoted_segment(packet)
    if quote is not None:
        flow = lcore.flows.get(quote.key)
        if flow is not None and flow.deadline_ds <= now.boot_ds:
            _forget(lcore, quote.key)
        elif flow is not None:
            translate_quote(flow, packet, quote)
        return True
    if not _has_connection(packet):
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
    segment = segment_of(packet)
    if flow is not None and flow.opening is not None:
        wait(lcore, packet, flow, segment, now)
        return False
    could_begin = flow is None or flow.state in REOPENABLE or flow.is_half_open
    if could_begin and packet.port is Port.OUTSIDE:
        goes_on = _judge_cookie(lcore, packet, key, segment, now)
        if goes_on is not None:
            return goes_on
    if flow is not None and segment.is_opening and flow.state in REOPENABLE:
        _forget(lcore, key)
        flow = None
    if flow is None:
        return _begin_tcp(lcore, packet, key, segment, now)
    return _follow_tcp(lcore, packet, flow, segment, now)


def _follow_tcp(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> bool:
    state = flow.state
    segment = as_host_sees(flow, segment)
    reason = follow(flow, segment)
    if reason is not Reason.NONE and not _goes_on(lcore, packet, reason):
        return False
    if flow.is_translated:
        translate(flow, packet)
    if reason is not Reason.NONE:
        return True
    if state is FlowState.SYN_SENT:
        _note_offers(lcore, packet, flow, segment)
    if not flow.is_proven and flow.state in PROVEN_STATES:
        _prove(lcore, packet, flow)
        if flow.opener is Port.OUTSIDE and not flow.is_liberal:
            count_completed(lcore, packet, now)
    if flow.state in {FlowState.CLOSED, FlowState.RESET}:
        _release_source(lcore, flow)
    if PacketFlag.FRAGMENT in packet.flags and flow.is_proven:
        flow.is_liberal = True  # how long its segment is, a first fragment does not say
    _touch(lcore, flow, now)
    return True


def _note_offers(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment) -> None:
    """What a client's SYN offers says what the protected host's answer means."""
    if flow.state is FlowState.SYN_SENT and segment.is_opening:
        options = read_options(packet)
        if segment.sender is Port.OUTSIDE:
            flow.offers_times, flow.offers_sack = options.times is not None, options.may_sack
            flow.offers_scale = options.scale is not None
    elif flow.state is FlowState.SYN_RECEIVED and segment.sender is Port.INSIDE and lcore.proxies:
        offered = Options(
            scale=0 if flow.offers_scale else None,
            may_sack=flow.offers_sack,
            times=(0, 0) if flow.offers_times else None,
        )
        learn(lcore, packet, offered)


def _judge_cookie(
    lcore: Lcore, packet: Packet, key: Hashable, segment: Segment, now: Time
) -> bool | None:
    """A segment that could begin a connection, at the SYN proxy.

    Whether it goes on to the next stage; None: the proxy has nothing to do with it.
    """
    here = is_on(lcore, packet, now, is_syn=segment.is_opening)
    if not here and (segment.is_opening or not was_on(lcore, now)):
        return None
    if segment.is_opening:
        if must_ask(lcore, packet, now):
            return None
        if not _is_source_full(lcore, packet):
            answer(lcore, packet, segment, now)
        return False
    mss = mss_of_cookie(lcore, packet, segment)
    if mss is not None:
        if key in lcore.flows:
            _forget(lcore, key)
        flow = open_host(lcore, packet, segment, mss, key, now)
        if flow is not None:
            _prove(lcore, packet, flow)
        count_completed(lcore, packet, now)
    elif key in lcore.flows or not here or lcore.node.learning_until_ds > now.boot_ds:
        return None
    else:  # passed on, it would make the protected host reset what its client believes to be open
        drop(lcore, packet, Reason.OUT_OF_STATE)
    return False


def _is_source_full(lcore: Lcore, packet: Packet) -> bool:
    """Dropped for having as many connections as the profile allows."""
    most = lcore.node.profiles[packet.profile].connections_max
    is_full = most > 0 and lcore.proven_of[_source(packet)] >= most
    return is_full and not _goes_on(lcore, packet, Reason.CONNECTIONS_SOURCE)


def _begin_tcp(lcore: Lcore, packet: Packet, key: Hashable, segment: Segment, now: Time) -> bool:
    is_learning = lcore.node.learning_until_ds > now.boot_ds
    if not segment.is_opening:
        if segment.flags & (SYN | RST):
            return _goes_on(lcore, packet, Reason.OUT_OF_STATE)
        if not is_learning and not _goes_on(lcore, packet, Reason.OUT_OF_STATE):
            return False
    elif packet.port is Port.OUTSIDE and _is_source_full(lcore, packet):
        return False
    flow = opened(segment) if segment.is_opening else picked_up(segment)
    if segment.is_opening:
        _note_offers(lcore, packet, flow, segment)
    _begin(lcore, key, flow, now)
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


def _prove(lcore: Lcore, packet: Packet, flow: Flow) -> None:
    flow.is_proven, flow.source = True, _source(packet)
    lcore.proven_of[flow.source] += 1


def _forget(lcore: Lcore, key: Hashable) -> None:
    _release_source(lcore, lcore.flows.pop(key))


def _release_source(lcore: Lcore, flow: Flow) -> None:
    if flow.source is not None:
        lcore.proven_of[flow.source] -= 1
        flow.source = None


def _goes_on(lcore: Lcore, packet: Packet, reason: Reason) -> bool:
    """Whether a packet with a reason against it is let through."""
    return packet.port is Port.INSIDE or not reject(lcore, packet, reason)


def _source(packet: Packet) -> Hashable:
    """An IPv4 address or an IPv6 /64, as for limits; profiles count apart."""
    bits = 32 if packet.ip_version == 4 else 64
    network = ip_network((ip_address(packet.client or b""), bits), strict=False)
    return packet.profile, network
