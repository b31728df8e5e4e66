"""The SYN proxy: RFC 4987, section 3.7.

The node answers a client's SYN with a cookie and keeps no state. A client that returns the cookie
receives packets at its address: then the node opens a connection to the protected host with the
client's own sequence numbers, and holds what the client sends meanwhile. The host's sequence
numbers differ from those of the cookie. Therefore the node translates the host's sequence numbers,
the client's acknowledgments and SACK blocks, timestamps and windows.
"""

from __future__ import annotations

from collections.abc import Hashable

from dataplane.model.packet import ACK, RST, SYN, TCP_FLAGS, Packet, end_of_ip, number
from dataplane.model.stages.connections.syn_choice import host_of, learn, may_answer, speak_as
from dataplane.model.stages.connections.syn_cookie import (
    MSS,
    MSS_DEFAULT,
    accepted,
    cookie,
    mss_index,
    time_of,
    time_read,
)
from dataplane.model.stages.connections.tcp_state import FIN, MODULUS, Segment, follow, opened
from dataplane.model.stages.connections.translation import as_host_sees, translate
from dataplane.model.state import Flow, Lcore, Opening, Time
from dataplane.model.tcp_frame import (
    FRAME_MIN,
    Header,
    Options,
    ip_fields,
    padded,
    read_options,
    written,
)
from dataplane.model.verdict import consume, drop, give_up, hold, originate, release
from dataplane.native.abi import (
    HELD_MAX,
    Origin,
    PacketFlag,
    Port,
    Reason,
)

WINDOW = 4 * 1460
"""Data that a client may send before the host has answered."""
MSS_UNKNOWN = 1220
"""Fits the smallest MTU of IPv6 (RFC 8200, section 5), without the headers."""
SYNS_MAX = 5
SYNS_MAX_CROWDED = 2
"""SYNs to a protected host before the opening is given up; each interval is twice the
one before."""
SOURCE_SHARE = 4
"""A source may have at most the free openings divided by this; a destination all free ones."""
FIRST_RETRY_DS = 10
NEVER_DS = (1 << 31) - 1


def answer(lcore: Lcore, packet: Packet, segment: Segment, now: Time) -> None:
    """Turn a client's SYN into its answer.

    The answer has only options that the client has offered. Without a timestamp, only the MSS can
    be encoded.
    """
    client, host = read_options(packet), lcore.hosts.get(host_of(packet))
    slot, index = lcore.cookie_slot, mss_index(client.mss or MSS_DEFAULT)
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
        ip=speak_as(host, packet),
        window=WINDOW,
        mss=(MSS_UNKNOWN if host is None else host.mss) if client.mss else 0,
        scale=scale,
        may_sack=may_sack,
        times=times,
    )
    least = min(FRAME_MIN, packet.available)
    packet.data = padded(written(packet, header, back=True), least)
    packet.length = len(packet.data)
    consume(lcore, packet)
    packet.flags |= PacketFlag.ANSWER
    lcore.origin[Origin.ANSWER] += 1
    lcore.answered_ds = now.boot_ds


def mss_of_cookie(lcore: Lcore, packet: Packet, segment: Segment) -> int | None:
    """The client's MSS if a segment returns a valid cookie."""
    if segment.flags & (SYN | RST | ACK) != ACK or PacketFlag.FRAGMENT in packet.flags:
        return None
    isn, value = (segment.sequence - 1) % MODULUS, (segment.acknowledgment - 1) % MODULUS
    index = accepted(lcore.node, lcore.cookie_slot, packet, isn, value)
    return None if index is None else MSS[index]


def open_host(
    lcore: Lcore,
    packet: Packet,
    segment: Segment,
    mss: int,
    key: Hashable,
    now: Time,
    *,
    source: Hashable,
) -> Flow:
    """Open the connection of a client that has returned a cookie, if there is room."""
    times = read_options(packet).times
    scale, announced, may_sack = (None, 0, False) if times is None else time_read(times[1])
    opening = Opening(
        key=key,
        source=source,
        destination=packet.protected,
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


def _left(lcore: Lcore) -> int:
    """Free openings: each reserves room for its first packet."""
    return lcore.openings_max - len(lcore.openings)


def may_open(lcore: Lcore, source: Hashable, destination: Hashable) -> bool:
    """Whether there is room to open one more connection.

    The shares shrink with the free openings, so there is always room for another source.
    """
    of_source = sum(one.source == source for one in lcore.openings)
    of_destination = sum(one.destination == destination for one in lcore.openings)
    left = _left(lcore)
    return of_destination < left and of_source < -(-left // SOURCE_SHARE)


def wait(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> None:
    """A packet of a connection that is being opened, from either side."""
    if segment.sender is Port.OUTSIDE:
        _wait_for_client(lcore, packet, flow, segment, now)
    else:
        _wait_for_host(lcore, packet, flow, segment, now)


def _wait_for_client(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> None:
    opening = _opening(flow)
    if segment.is_opening and may_answer(packet):
        answer(lcore, packet, segment, now)
    elif segment.is_opening:
        consume(lcore, packet)
    elif segment.flags & RST:
        consume(lcore, packet)
        if (segment.sequence - opening.client_isn - 1) % MODULUS <= WINDOW:
            _fail(lcore, flow, tell_client=False)
    elif segment.length == 0:
        consume(lcore, packet)  # the first one is sufficient
    elif len(opening.held) < HELD_MAX and lcore.held + _left(lcore) < lcore.held_max:
        _hold(lcore, opening, packet)
    else:
        drop(lcore, packet, Reason.SYN_PROXY_FULL)


def _wait_for_host(lcore: Lcore, packet: Packet, flow: Flow, segment: Segment, now: Time) -> None:
    """A packet of the host. None is passed to the client, which believes that the host has
    answered."""
    opening = _opening(flow)
    expected = (opening.client_isn + 1) % MODULUS
    is_ours = bool(segment.flags & ACK) and segment.acknowledgment == expected
    consume(lcore, packet)
    if segment.flags & RST:
        if is_ours:
            _fail(lcore, flow, tell_client=True)  # refused
    elif segment.flags & SYN and is_ours:
        _complete(lcore, flow, packet, segment, now)
    elif segment.flags & ACK:
        # The host has another connection with these ports (RFC 9293, 3.10.7.3): end that one.
        _reset_host(lcore, opening, segment.acknowledgment)


def _complete(lcore: Lcore, flow: Flow, packet: Packet, segment: Segment, now: Time) -> None:
    opening, options = _opening(flow), read_options(packet)
    offered = Options(scale=opening.scale, may_sack=opening.may_sack, times=opening.times)
    learn(lcore, packet, offered, now)
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
        follow(flow, as_host_sees(flow, segment_of(held)))
        translate(flow, held)
        release(lcore, held)
    flow.deadline_ds = now.boot_ds + lcore.node.timeouts_ds[flow.state]


def _fail(lcore: Lcore, flow: Flow, *, tell_client: bool) -> None:
    """Give a connection up; absorb its held packets."""
    opening = _opening(flow)
    if tell_client:
        client = opening.held[0]
        ip = speak_as(lcore.hosts.get(host_of(client)), client)
        header = Header(sequence=(opening.cookie + 1) % MODULUS, flags=RST, ip=ip)
        originate(lcore, Origin.RESET, client, header, back=True)
    for held in opening.held:
        lcore.held -= 1
        give_up(lcore, held)
    lcore.openings.remove(opening)
    lcore.failed += 1
    lcore.proven_of[flow.source] -= 1
    del lcore.flows[opening.key]


def tick(lcore: Lcore, now: Time) -> None:
    """Repeat SYNs, and give up; earlier if many wait and the host has not answered any so far."""
    is_crowded = _left(lcore) < lcore.openings_max // 2
    syns_max = SYNS_MAX_CROWDED if is_crowded else SYNS_MAX
    for opening in [one for one in lcore.openings if one.retry_ds <= now.boot_ds]:
        is_silent = host_of(opening.held[0]) not in lcore.hosts
        if opening.tries + 1 >= syns_max or (is_crowded and is_silent):
            _fail(lcore, lcore.flows[opening.key], tell_client=True)  # no answer
            continue
        opening.tries += 1
        opening.retry_ds = now.boot_ds + (FIRST_RETRY_DS << opening.tries)
        _send_syn(lcore, opening, Origin.RETRY)


def segment_of(packet: Packet) -> Segment:
    """The fields of a TCP packet that matter for its connection, without the window
    scale of a SYN."""
    tcp, end = packet.data[packet.l4_offset :], end_of_ip(packet)
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


def _opening(flow: Flow) -> Opening:
    if flow.opening is None:
        raise ValueError("the connection is not being opened")
    return flow.opening


def _hold(lcore: Lcore, opening: Opening, packet: Packet) -> None:
    lcore.held += 1
    opening.held.append(hold(lcore, packet))


def _send_syn(lcore: Lcore, opening: Opening, kind: Origin) -> None:
    header = Header(
        sequence=opening.client_isn,
        flags=SYN,
        ip=ip_fields(opening.held[0]),
        window=opening.window,
        mss=opening.mss,
        scale=opening.scale,
        may_sack=opening.may_sack,
        times=None if opening.times is None else (opening.times[0], 0),
    )
    originate(lcore, kind, opening.held[0], header, back=False)


def _reset_host(lcore: Lcore, opening: Opening, sequence: int) -> None:
    client = opening.held[0]
    header = Header(sequence, RST, ip_fields(client))
    originate(lcore, Origin.RESET, client, header, back=False)
