"""The SYN proxy: RFC 4987, section 3.7.

A client's SYN is answered with a cookie and forgotten. Who brings the cookie back receives what is
sent to it: then a connection to the protected host is opened with the client's own sequence
numbers, and what the client sends meanwhile is held. The host numbers its bytes otherwise than the
cookie has promised: from then on sequence numbers of the host, acknowledgments and SACK blocks of
the client, timestamps and windows are translated.
"""

from __future__ import annotations

from collections.abc import Hashable
from copy import copy
from dataclasses import dataclass, field

from dataplane.abi import (
    HELD_MAX,
    Origin,
    PacketFlag,
    Port,
    Reason,
    Verdict,
)
from dataplane.model.node import Lcore, Outgoing, Time, drop
from dataplane.model.packet import ACK, RST, SYN, TCP_FLAGS, Packet, number
from dataplane.model.syn_cookie import (
    MSS,
    MSS_DEFAULT,
    accepted,
    cookie,
    mss_index,
    time_of,
    time_read,
)
from dataplane.model.tcp_frame import (
    FRAME_MIN,
    Header,
    Options,
    padded,
    read_options,
    written,
)
from dataplane.model.tcp_state import FIN, MODULUS, Flow, Segment, follow, opened
from dataplane.model.translation import as_host_sees, translate

WINDOW = 4 * 1460
"""What a client may send before the host has answered."""
MSS_UNKNOWN = 1220
"""Fits the smallest MTU of IPv6 (RFC 8200, section 5), less the headers."""
TRIES_MAX = 3
ASKED_EVERY_DS = 10
FIRST_RETRY_DS = 10
NEVER_DS = (1 << 31) - 1


@dataclass
class HostOptions:
    """What a protected address and port has answered SYNs with."""

    mss: int = MSS_DEFAULT
    scale: int | None = None
    has_times: bool | None = None
    """None: no SYN has asked."""
    may_sack: bool = False


@dataclass
class Opening:
    """A connection whose client has proven itself, and whose host has not answered yet."""

    key: Hashable
    retry_ds: int
    client_isn: int
    cookie: int
    mss: int
    window: int
    scale: int | None
    announced_scale: int
    times: tuple[int, int] | None
    """The client's time, and what it was told."""
    may_sack: bool
    tries: int = 0
    held: list[Packet] = field(default_factory=list)


def must_ask(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Whether a client's SYN is to go to the protected host.

    As nobody knows what that can, and the SYN asks for everything: one a second at most.
    """
    last, host, options = lcore.asked_ds, lcore.hosts.get(_host(packet)), read_options(packet)
    if last is not None and now.boot_ds - last < ASKED_EVERY_DS:
        return False
    is_known = host is not None and host.has_times is not None
    asks = options.times is not None and options.scale is not None and options.may_sack
    if is_known or not asks:
        return False
    lcore.asked_ds = now.boot_ds
    return True


def answer(lcore: Lcore, packet: Packet, segment: Segment, now: Time) -> None:
    """A client's SYN becomes its answer.

    Options that the client has not offered are none of the answer's. Without a timestamp that comes
    back nothing but the MSS can be remembered.
    """
    client, host = read_options(packet), lcore.hosts.get(_host(packet))
    slot, index = lcore.node.cookie_slot, mss_index(client.mss or MSS_DEFAULT)
    scale, times, may_sack = None, None, False
    if client.times is not None and host is not None and host.has_times:
        if client.scale is not None:
            scale = host.scale
        may_sack = client.may_sack and host.may_sack
        told = time_of(
            now.boot_ds,
            None if scale is None else client.scale,
            scale or 0,
            may_sack=may_sack,
        )
        times = told, client.times[0]
    header = Header(
        sequence=cookie(lcore.node, packet, segment.sequence, slot, index),
        acknowledgment=(segment.sequence + 1) % MODULUS,
        flags=SYN | ACK,
        window=WINDOW,
        mss=(MSS_UNKNOWN if host is None else host.mss) if client.mss else 0,
        scale=scale,
        may_sack=may_sack,
        times=times,
    )
    least = min(FRAME_MIN, packet.available)
    packet.data = padded(written(packet, header, back=True), least)
    packet.length = len(packet.data)
    _consume(lcore, packet)
    packet.flags |= PacketFlag.ANSWER
    lcore.origin[Origin.ANSWER] += 1
    lcore.answered_ds = now.boot_ds


def mss_of_cookie(lcore: Lcore, packet: Packet, segment: Segment) -> int | None:
    """The client's MSS if a segment brings back a cookie."""
    if segment.flags & (SYN | RST | ACK) != ACK or PacketFlag.FRAGMENT in packet.flags:
        return None
    isn, value = (segment.sequence - 1) % MODULUS, (segment.acknowledgment - 1) % MODULUS
    index = accepted(lcore.node, packet, isn, value)
    return None if index is None else MSS[index]


def open_host(
    lcore: Lcore, packet: Packet, segment: Segment, mss: int, key: Hashable, now: Time
) -> Flow | None:
    """Open the connection of a client that has brought a cookie; None: there is no room."""
    if lcore.held >= lcore.held_max or len(lcore.openings) >= lcore.openings_max:
        drop(lcore, packet, Reason.SYN_PROXY_FULL)
        return None
    times = read_options(packet).times
    scale, announced, may_sack = (None, 0, False) if times is None else time_read(times[1])
    opening = Opening(
        key=key,
        retry_ds=now.boot_ds + FIRST_RETRY_DS,
        client_isn=(segment.sequence - 1) % MODULUS,
        cookie=(segment.acknowledgment - 1) % MODULUS,
        mss=mss,
        window=min(segment.window << (scale or 0), 0xFFFF),
        scale=scale,
        announced_scale=announced,
        times=times,
        may_sack=may_sack,
    )
    first = Segment(opening.client_isn, 0, 1, opening.window, SYN, Port.OUTSIDE, scale)
    flow = opened(first)
    flow.opening, flow.is_proven = opening, True
    flow.deadline_ds = now.boot_ds + NEVER_DS
    lcore.flows[key] = flow
    lcore.flows_opened += 1
    lcore.openings.append(opening)
    lcore.accepted += 1
    _hold(lcore, opening, packet)
    _send_syn(lcore, opening, Origin.OPEN)
    return flow


def wait(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> None:
    """A packet of a connection that is being opened, from either side."""
    if segment.sender is Port.OUTSIDE:
        _wait_for_client(lcore, packet, flow, segment, now)
    else:
        _wait_for_host(lcore, packet, flow, segment, now)


def _wait_for_client(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> None:
    opening = _opening(flow)
    if segment.is_opening:
        answer(lcore, packet, segment, now)
    elif segment.flags & RST:
        _consume(lcore, packet)
        if (segment.sequence - opening.client_isn - 1) % MODULUS <= WINDOW:
            _fail(lcore, flow, tell_client=False)
    elif segment.length == 0:
        _consume(lcore, packet)  # the first one says all that there is to say
    elif len(opening.held) < HELD_MAX and lcore.held < lcore.held_max:
        _hold(lcore, opening, packet)
    else:
        drop(lcore, packet, Reason.SYN_PROXY_FULL)


def _wait_for_host(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> None:
    """Nothing of it reaches the client, who believes that the host has answered."""
    opening = _opening(flow)
    expected = (opening.client_isn + 1) % MODULUS
    is_ours = bool(segment.flags & ACK) and segment.acknowledgment == expected
    _consume(lcore, packet)
    if segment.flags & RST:
        if is_ours:
            _fail(lcore, flow, tell_client=True)  # refused
    elif segment.flags & SYN and is_ours:
        _complete(lcore, flow, packet, segment, now)
    elif segment.flags & ACK:
        # It knows another connection between these ports (RFC 9293, 3.10.7.3): end that one.
        _reset_host(lcore, opening, segment.acknowledgment)


def _complete(lcore: Lcore, flow: Flow, packet: Packet, segment: Segment, now: Time) -> None:
    opening, options = _opening(flow), read_options(packet)
    offered = Options(scale=opening.scale, may_sack=opening.may_sack, times=opening.times)
    learn(lcore, packet, offered)
    if opening.times is not None and options.times is None:  # the client was promised them
        _reset_host(lcore, opening, (opening.client_isn + 1) % MODULUS)
        _fail(lcore, flow, tell_client=True)
        return
    follow(flow, segment)
    flow.opening, flow.is_translated = None, True
    flow.sequence_delta = (opening.cookie - segment.sequence) % MODULUS
    flow.announced_scale = opening.announced_scale
    if opening.times is not None and options.times is not None:
        flow.time_delta = (opening.times[1] - options.times[0]) % MODULUS
    lcore.openings.remove(opening)
    for held in opening.held:
        lcore.held -= 1
        lcore.port[held.port].held_now -= 1
        follow(flow, as_host_sees(flow, segment_of(held)))
        translate(flow, held)
        held.verdict = Verdict.PASS
        lcore.outbox.append(Outgoing(held, None))
    flow.deadline_ds = now.boot_ds + lcore.node.timeouts_ds[flow.state]


def _fail(lcore: Lcore, flow: Flow, *, tell_client: bool) -> None:
    """Give a connection up. What is held for it is absorbed."""
    opening = _opening(flow)
    if tell_client:
        header = Header(sequence=(opening.cookie + 1) % MODULUS, flags=RST)
        _originate(lcore, Origin.RESET, opening.held[0], header, back=True)
    for held in opening.held:
        lcore.held -= 1
        lcore.port[held.port].held_now -= 1
        _consume(lcore, held)
        lcore.outbox.append(Outgoing(held, None))
    lcore.openings.remove(opening)
    lcore.failed += 1
    lcore.proven_of[flow.source] -= 1
    del lcore.flows[opening.key]


def tick(lcore: Lcore, now: Time) -> None:
    """Send SYNs again, give up."""
    for opening in [one for one in lcore.openings if one.retry_ds <= now.boot_ds]:
        if opening.tries + 1 == TRIES_MAX:
            _fail(lcore, lcore.flows[opening.key], tell_client=True)  # silent
            continue
        opening.tries += 1
        opening.retry_ds = now.boot_ds + (FIRST_RETRY_DS << opening.tries)
        _send_syn(lcore, opening, Origin.RETRY)


def learn(lcore: Lcore, packet: Packet, offered: Options) -> None:
    """Remember what a protected host has answered a SYN with that offered so much."""
    options = read_options(packet)
    host = lcore.hosts.setdefault(_host(packet), HostOptions())
    host.mss = max(options.mss, MSS_DEFAULT)
    if offered.scale is not None:
        host.scale = options.scale
    if offered.times is not None:
        host.has_times = options.times is not None
    if offered.may_sack:
        host.may_sack = options.may_sack


def segment_of(packet: Packet) -> Segment:
    """What of a TCP packet matters for its connection; the scale of a SYN aside."""
    tcp, end = packet.data[packet.l4_offset :], _end_of_ip(packet)
    flags = tcp[TCP_FLAGS]
    return Segment(
        sequence=int.from_bytes(tcp[4:8], "big"),
        acknowledgment=int.from_bytes(tcp[8:12], "big"),
        length=max(end - packet.payload_offset, 0) + bool(flags & FIN) + bool(flags & SYN),
        window=number(tcp, 14),
        flags=flags,
        sender=packet.port,
        scale=read_options(packet).scale if flags & SYN else None,
    )


def _end_of_ip(packet: Packet) -> int:
    """By the length field of the IP header, which may say less than the frame has."""
    if packet.ip_version == 4:
        return packet.l3_offset + number(packet.data, packet.l3_offset + 2)
    return packet.l3_offset + 40 + number(packet.data, packet.l3_offset + 4)


def _opening(flow: Flow) -> Opening:
    if flow.opening is None:
        raise ValueError("the connection is not being opened")
    return flow.opening


def _host(packet: Packet) -> Hashable:
    at = packet.l4_offset + (2 if packet.port is Port.OUTSIDE else 0)
    return packet.protected, number(packet.data, at)


def _hold(lcore: Lcore, opening: Opening, packet: Packet) -> None:
    packet.verdict, packet.owner = Verdict.HELD, lcore.index
    lcore.port[packet.port].held_now += 1
    lcore.held += 1
    opening.held.append(copy(packet))


def _consume(lcore: Lcore, packet: Packet) -> None:
    packet.verdict = Verdict.CONSUMED
    lcore.port[packet.port].consumed += 1


def _send_syn(lcore: Lcore, opening: Opening, kind: Origin) -> None:
    header = Header(
        sequence=opening.client_isn,
        flags=SYN,
        window=opening.window,
        mss=opening.mss,
        scale=opening.scale,
        may_sack=opening.may_sack,
        times=None if opening.times is None else (opening.times[0], 0),
    )
    _originate(lcore, kind, opening.held[0], header, back=False)


def _reset_host(lcore: Lcore, opening: Opening, sequence: int) -> None:
    _originate(lcore, Origin.RESET, opening.held[0], Header(sequence, RST), back=False)


def _originate(lcore: Lcore, kind: Origin, like: Packet, header: Header, *, back: bool) -> None:
    data = padded(written(like, header, back=back))
    port = Port(like.port ^ 1) if back else like.port
    lcore.outbox.append(Outgoing(Packet(data, len(data), port), kind))
    lcore.origin[kind] += 1
