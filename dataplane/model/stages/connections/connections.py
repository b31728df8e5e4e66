"""Connections: finds the connection of a packet, in both directions, and judges packets without
one.

Only packets from outside are judged. Packets of protected hosts update a connection, or begin one,
and are never refused. The allowlist gives no exemption, because sources can be forged. TCP, UDP and
ICMP echo are tracked; other packets, and fragments without a transport header, pass.

C has a table of fixed size, in which an unproven connection can lose its place
(``fastpath/tables/flows/flows.c``). The model always has room.
"""

from __future__ import annotations

from collections.abc import Hashable
from copy import deepcopy

from dataplane.model.checksum import is_checksum_right
from dataplane.model.packet import ICMP, ICMPV6, RST, SYN, TCP, UDP, Packet, number
from dataplane.model.stages.connections.inspected import inspect
from dataplane.model.stages.connections.source_limit import (
    forget,
    is_one_too_many,
    is_refused,
    release_source,
    reset_sender,
    source_of,
)
from dataplane.model.stages.connections.syn_choice import Choice, choose, learn, may_answer
from dataplane.model.stages.connections.syn_proxy import (
    answer,
    may_open,
    mss_of_cookie,
    open_host,
    segment_of,
    wait,
)
from dataplane.model.stages.connections.syn_watch import count_completed, is_on, was_on
from dataplane.model.stages.connections.tcp_state import (
    FIN,
    PROVEN_STATES,
    REOPENABLE,
    Segment,
    answered,
    begins_anew,
    follow,
    is_in_window,
    opened,
    picked_up,
)
from dataplane.model.stages.connections.translation import (
    as_host_sees,
    quoted_segment,
    translate,
    translate_quote,
)
from dataplane.model.stages.limits import charge
from dataplane.model.state import Flow, Lcore, Time
from dataplane.model.tcp_frame import Options, read_options
from dataplane.model.verdict import drop, reject
from dataplane.native.abi import FlowState, PacketFlag, Port, Reason

ECHO = {ICMP: (8, 0), ICMPV6: (128, 129)}
"""Types of echo request and reply."""


def connections(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Update the connection of a packet, or refuse a packet without one."""
    if not lcore.tracks:
        return True
    if PacketFlag.INNER in packet.flags:  # an answer can't be encapsulated
        return True
    quote = quoted_segment(packet)
    if quote is not None:
        flow = lcore.flows.get(quote.key)
        if flow is not None and flow.deadline_ds <= now.boot_ds:
            forget(lcore, quote.key)
        elif flow is not None:
            translate_quote(flow, packet, quote)
        return True
    if not _has_connection(packet):
        return True
    key = _key(packet)
    flow = lcore.flows.get(key)
    if flow is not None and flow.deadline_ds <= now.boot_ds:
        forget(lcore, key)
        flow = None
    if packet.protocol == TCP:
        goes_on = _judge_tcp(lcore, packet, key, flow, now)
        if goes_on and lcore.inspects:
            inspect(lcore, packet, lcore.flows.get(key), now)
        return goes_on
    return _judge_pair(lcore, packet, key, flow, now)


def _has_connection(packet: Packet) -> bool:
    if packet.payload_offset == 0:  # no transport header, or a wrong one that a mode lets pass
        return False
    return packet.protocol in {TCP, UDP} or (packet.data[packet.l4_offset] in ECHO[packet.protocol])


def _key(packet: Packet) -> Hashable:
    """The key, equal in both directions; for echo the identifier is used as port.

    The VLAN is not part of it: answers may arrive in another one.
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
        is_syn = segment.is_opening and packet.port is Port.OUTSIDE
        if (is_syn or segment.flags & (RST | FIN)) and _is_unread(lcore, packet):
            return False
        wait(lcore, packet, flow, segment, now)
        return False
    could_begin = flow is None or flow.state in REOPENABLE or flow.is_half_open
    if packet.port is Port.OUTSIDE and not _judge_client(
        lcore, packet, key, segment, now, could_begin=could_begin
    ):
        return False
    if flow is not None and begins_anew(flow, segment):
        forget(lcore, key)
        flow = None
    if flow is None:
        return _begin_tcp(lcore, packet, key, segment, now)
    return _follow_tcp(lcore, packet, flow, segment, now)


def _judge_client(
    lcore: Lcore,
    packet: Packet,
    key: Hashable,
    segment: Segment,
    now: Time,
    *,
    could_begin: bool,
) -> bool:
    """A packet from the client: whether SYN proxy and limits of new connections let it pass."""
    if segment.is_opening:
        passes = not could_begin or _judge_opening(lcore, packet, segment, now)
        return passes and charge(lcore, packet, now)
    return not could_begin or _judge_cookie(lcore, packet, key, segment, now)


def _follow_tcp(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> bool:
    state, was_ended = flow.state, flow.is_ended
    has_effect = not segment.flags & (RST | FIN) or is_checksum_right(packet)
    if not has_effect:  # its receiver discards it: it is judged like any other, but updates nothing
        flow = deepcopy(flow)
        lcore.bad_checksum += 1
    segment = as_host_sees(flow, segment)
    was_in_window = not segment.is_opening and is_in_window(flow, segment)
    reason = follow(flow, segment)
    _note_stray(lcore, packet, state, reason, now)
    if reason is not Reason.NONE and not _goes_on(lcore, packet, reason):
        return False
    if flow.is_translated:
        translate(flow, packet)
    if reason is not Reason.NONE or not has_effect:
        return True
    if state is FlowState.SYN_SENT:
        _note_offers(lcore, packet, flow, segment, now)
    if not flow.is_proven and flow.state in PROVEN_STATES:
        if is_one_too_many(lcore, packet, flow, segment, now):
            _keep(lcore, flow, now)
            return False
        _complete(lcore, packet, flow, now)
    if PacketFlag.FRAGMENT in packet.flags and was_in_window and flow.is_proven:
        flow.is_liberal = True  # a first fragment does not tell the length of its segment
    if not was_ended:
        _keep(lcore, flow, now)
    return True


def _note_stray(lcore: Lcore, packet: Packet, state: FlowState, reason: Reason, now: Time) -> None:
    """Mark a packet that has a reason against it, or that picks up a connection after the learning
    time: there may be no such connection."""
    is_unknown = state is FlowState.PICKED_UP and not _is_learning(lcore, now)
    if reason is not Reason.NONE or is_unknown:
        _mark_stray(packet)


def _complete(lcore: Lcore, packet: Packet, flow: Flow, now: Time) -> None:
    """Both sides have answered."""
    _prove(lcore, packet, flow)
    if flow.opener is Port.OUTSIDE and not flow.is_liberal:
        count_completed(lcore, packet, now)


def _note_offers(
    lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time, *, is_first: bool = False
) -> None:
    """Store what a client's SYN offers: it determines the meaning of the protected host's answer.

    It is unknown which of several SYNs the host answers: an option that one of them lacks counts as
    not offered.
    """
    if flow.state is FlowState.SYN_SENT and segment.is_opening:
        options = read_options(packet)
        if segment.sender is Port.OUTSIDE:
            flow.offers_times = options.times is not None and (is_first or flow.offers_times)
            flow.offers_sack = options.may_sack and (is_first or flow.offers_sack)
            flow.offers_scale = options.scale is not None and (is_first or flow.offers_scale)
    elif flow.state is FlowState.SYN_RECEIVED and segment.sender is Port.INSIDE and lcore.proxies:
        offered = Options(
            scale=0 if flow.offers_scale else None,
            may_sack=flow.offers_sack,
            times=(0, 0) if flow.offers_times else None,
        )
        learn(lcore, packet, offered, now)


def _judge_opening(lcore: Lcore, packet: Packet, segment: Segment, now: Time) -> bool:
    """A client's SYN that could begin a connection: whether the SYN proxy lets it pass."""
    if PacketFlag.NEIGHBOR in packet.flags or not may_answer(packet):
        return True
    if not is_on(lcore, packet, now, is_syn=True):
        return True
    if _is_unread(lcore, packet):
        return False
    choice = choose(lcore, packet, now)
    if choice is Choice.REFUSE:
        drop(lcore, packet, Reason.SYN_PROXY_FULL)
    elif choice is Choice.ANSWER and not is_refused(lcore, packet):
        answer(lcore, packet, segment, now)
    return choice is Choice.PASS


def _judge_cookie(lcore: Lcore, packet: Packet, key: Hashable, segment: Segment, now: Time) -> bool:
    """Another segment that may return a cookie: whether the SYN proxy lets it pass."""
    here = is_on(lcore, packet, now, is_syn=False)
    if not here and not was_on(lcore, now):
        return True
    mss = mss_of_cookie(lcore, packet, segment)
    if mss is not None:
        _accept(lcore, packet, key, segment, mss, now)
        return False
    if key in lcore.flows or not here or _is_learning(lcore, now):
        return True
    if PacketFlag.NEIGHBOR in packet.flags:
        return True
    _mark_stray(packet)
    # If it passed, the protected host would reset a connection that its client considers open.
    reject(lcore, packet, Reason.SYN_PROXY_NO_COOKIE)
    return False


def _accept(
    lcore: Lcore, packet: Packet, key: Hashable, segment: Segment, mss: int, now: Time
) -> None:
    """Open the connection of a client that has returned a cookie, if its limits allow."""
    if _is_unread(lcore, packet):
        return
    count_completed(lcore, packet, now)
    if is_refused(lcore, packet):
        reset_sender(lcore, packet, segment)
    elif not may_open(lcore, source_of(packet), packet.protected):
        drop(lcore, packet, Reason.SYN_PROXY_FULL)
    elif charge(lcore, packet, now):
        if key in lcore.flows:
            forget(lcore, key)
        flow = open_host(lcore, packet, segment, mss, key, now, source=source_of(packet))
        _prove(lcore, packet, flow)


def _is_unread(lcore: Lcore, packet: Packet) -> bool:
    """Dropped in place of the host, which would discard it too."""
    is_wrong = not is_checksum_right(packet)
    if is_wrong:
        drop(lcore, packet, Reason.TCP_CHECKSUM)
    return is_wrong


def _begin_tcp(lcore: Lcore, packet: Packet, key: Hashable, segment: Segment, now: Time) -> bool:
    is_learning = _is_learning(lcore, now)
    if segment.is_answer_of_host:  # in C the record of its SYN may have been reused
        _begin(lcore, key, answered(segment), now)
        return True
    if not segment.is_opening:
        if segment.flags & (SYN | RST) or not is_learning:
            _mark_stray(packet)
        if segment.flags & (SYN | RST):
            return _goes_on(lcore, packet, Reason.OUT_OF_STATE)
        if not is_learning and not _goes_on(lcore, packet, Reason.OUT_OF_STATE):
            return False
    elif packet.port is Port.OUTSIDE and is_refused(lcore, packet):
        return False
    flow = opened(segment) if segment.is_opening else picked_up(segment)
    if segment.is_opening:
        _note_offers(lcore, packet, flow, segment, now, is_first=True)
    _begin(lcore, key, flow, now)
    return True


def _judge_pair(lcore: Lcore, packet: Packet, key: Hashable, flow: Flow | None, now: Time) -> bool:
    """UDP and ICMP echo: the only state is whether there was an answer."""
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


def _keep(lcore: Lcore, flow: Flow, now: Time) -> None:
    """Keep an ended connection for a while; its source's count no longer includes it."""
    if flow.is_ended:
        release_source(lcore, flow)
    _touch(lcore, flow, now)


def _prove(lcore: Lcore, packet: Packet, flow: Flow) -> None:
    flow.is_proven, flow.source = True, source_of(packet)
    lcore.proven_of[flow.source] += 1


def _is_learning(lcore: Lcore, now: Time) -> bool:
    return lcore.node.learning_until_ds > now.boot_ds


def _mark_stray(packet: Packet) -> None:
    """Mark the packet for the counters: it comes from outside and fits no connection."""
    if packet.port is Port.OUTSIDE:
        packet.flags |= PacketFlag.STRAY


def _goes_on(lcore: Lcore, packet: Packet, reason: Reason) -> bool:
    """Whether a packet passes although there is a reason against it."""
    is_heard = packet.port is Port.INSIDE or PacketFlag.NEIGHBOR in packet.flags
    return is_heard or not reject(lcore, packet, reason)
