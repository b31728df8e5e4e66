"""HTTP of inspected connections: twin of ``http.c``, and of the part of ``stream.c`` behind
`stream`.

An lcore without memory for HTTP inspects nothing, whatever the policy says. The model always has
room, and has no timeouts for slow clients.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.model.checksum import is_checksum_right
from dataplane.model.packet import ACK, RST, SYN, TCP, Packet
from dataplane.model.stages.connections.inspected import UNTRACKED
from dataplane.model.stages.connections.syn_proxy import segment_of
from dataplane.model.stages.connections.tcp_state import FIN, MODULUS, Segment, is_after
from dataplane.model.stages.http.answers import answer_client, answer_host, lose, refuse
from dataplane.model.stages.http.connection import UNJUDGED, Connection, State, Work, later
from dataplane.model.stages.http.earlier import (
    URG,
    begins_with_request,
    is_answered_anew,
    judge_stranger,
    refuse_earlier,
    restart,
)
from dataplane.model.stages.http.framing.request import Request
from dataplane.model.stages.http.responses import expect_response, follow_host, recover_responses
from dataplane.model.stages.http.stream import Listener
from dataplane.model.stages.http.stream import Segment as Bytes
from dataplane.model.state import Lcore, Time
from dataplane.model.traffic import count
from dataplane.model.verdict import drop
from dataplane.native.abi import Mode, PacketFlag, Port, Reason, TrafficKind


@dataclass
class _Listener(Listener):
    """The listener for the present segment."""

    work: Work
    record: Connection

    @property
    def is_exempt(self) -> bool:  # type: ignore[override]
        return self.record.is_exempt

    def rejects(self, _mode: Mode, reason: Reason) -> bool:
        return self.work.rejects(reason)

    def fresh(self) -> None:
        recover_responses(self.work, self.record)

    def head(self, request: Request) -> None:
        count(self.work.lcore, self.work.packet, TrafficKind.REQUEST)
        expect_response(self.work, self.record, request)

    def complete(self) -> None:
        self.work.packet.flags |= PacketFlag.REQUEST

    def incident(self) -> None:
        self.work.lcore.incidents += 1


def http(lcore: Lcore, packet: Packet, now: Time) -> bool:
    """Judge a packet of an inspected connection. Returns whether it goes on."""
    if not lcore.inspects:
        return True
    record = packet.http if isinstance(packet.http, Connection) else None
    if record is not None and record.is_over:
        record = None
    if _is_refused_fragment(lcore, packet, now):
        return False
    if packet.http is None:
        return True
    segment = segment_of(packet)
    if record is not None and packet.port is Port.OUTSIDE:
        segment = _as_client_says(segment, record)
    work = Work(lcore, packet, segment, now, record)
    if record is None:
        return not judge_stranger(work, is_untracked=packet.http == UNTRACKED)
    return not (_client if packet.port is Port.OUTSIDE else _host)(work, record)


def _as_client_says(segment: Segment, record: Connection) -> Segment:
    """Undo the translation of the acknowledgment by the connections stage."""
    acknowledgment = (segment.acknowledgment + record.flow.sequence_delta) % MODULUS
    return Segment(
        segment.sequence,
        acknowledgment,
        segment.length,
        segment.window,
        segment.flags,
        segment.sender,
        segment.scale,
    )


def _is_refused_fragment(lcore: Lcore, packet: Packet, now: Time) -> bool:
    if PacketFlag.FRAGMENT not in packet.flags or packet.protocol != TCP:
        return False
    if PacketFlag.INNER in packet.flags:
        return False
    if packet.port is Port.INSIDE or not lcore.node.profiles[packet.profile].http.ports:
        return False
    nothing = Segment(0, 0, 0, 0, 0, packet.port, None)
    return Work(lcore, packet, nothing, now, None).rejects(Reason.HTTP_FRAGMENT)


def _client(work: Work, record: Connection) -> bool:
    """A segment of the client. Returns whether the packet stops here."""
    record.is_exempt = bool(work.packet.flags & UNJUDGED)
    profile = work.lcore.node.profiles[work.packet.profile].http
    is_closed = profile.fail_closed or record.is_closed
    if record.state is State.EARLIER and work.size:
        if is_closed or not begins_with_request(work, record):
            return refuse_earlier(work, record)
        restart(record, work.segment.sequence, work.segment.acknowledgment, work)
    if record.state is State.INSPECTED:
        return _take(work, record)
    if record.state in {State.REFUSED, State.RESET}:
        answer_client(work, record)
        return True
    return False


def _take(work: Work, record: Connection) -> bool:
    segment, flags = work.segment, work.segment.flags
    if flags & RST or PacketFlag.FRAGMENT in work.packet.flags:
        return False
    acknowledged = segment.acknowledgment
    if flags & ACK and not is_after(acknowledged, record.host_end):
        record.host_acked = later(record.host_acked, acknowledged)
    at = record.offset(segment.sequence)
    if work.size:
        if flags & SYN:
            return work.rejects(Reason.HTTP_SYN_DATA)
        if _take_bytes(work, record, at):
            return True
        record.client_end = max(record.client_end, at + work.size)
    if flags & FIN:
        record.client_end = max(record.client_end, at + work.size + 1)
        record.has_fin = True
    return False


def _take_bytes(work: Work, record: Connection, at: int) -> bool:
    """Add the bytes of a segment to the stream."""
    stream, flow = record.stream, record.flow
    limit = flow.side[Port.OUTSIDE].limit
    is_beyond = not flow.is_liberal and is_after(work.segment.sequence, limit)
    stream.window = at - is_beyond
    stream.listener = _Listener(work, record)
    is_right = is_checksum_right(work.packet) and len(work.payload) == work.size
    reason = stream.take(Bytes(at, work.payload, bool(work.segment.flags & URG), is_right))
    if reason is Reason.HTTP_CHECKSUM:
        drop(work.lcore, work.packet, reason)
    elif stream.is_refused:
        refuse(work, record)
    if stream.is_unparsed and reason is Reason.NONE:
        record.let_go(State.UNPARSED, work.now)
    return reason is not Reason.NONE


def _host(work: Work, record: Connection) -> bool:
    """A segment of the host. Returns whether the packet stops here."""
    segment = work.segment
    if record.state in {State.REFUSED, State.RESET}:
        answer_host(work)
        return True
    if record.state is not State.INSPECTED:
        return False
    if segment.flags & SYN and is_answered_anew(work, record):
        return False
    if segment.flags & (ACK | RST) == ACK and _acknowledge(work, record):
        return True
    if record.state is State.INSPECTED:
        follow_host(work, record)
    return False


def _acknowledge(work: Work, record: Connection) -> bool:
    stream = record.stream
    at = record.offset(work.segment.acknowledgment)
    if at <= stream.acked:
        return False
    if at > stream.next + record.has_fin:
        return is_checksum_right(work.packet) and lose(work, record)
    stream.acknowledge(at)
    return False
