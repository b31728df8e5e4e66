"""Connections whose beginning the node has not seen: twin of ``earlier.c``."""

from __future__ import annotations

import re

from dataplane.model.checksum import is_checksum_right
from dataplane.model.packet import ACK, RST, SYN
from dataplane.model.stages.connections.source_limit import reset_sender
from dataplane.model.stages.connections.tcp_state import MODULUS, is_after
from dataplane.model.stages.http.answers import reset
from dataplane.model.stages.http.connection import Connection, State, Work
from dataplane.model.stages.http.stream import Stream
from dataplane.model.tcp_frame import Header, ip_fields
from dataplane.model.verdict import originate
from dataplane.native.abi import FlowState, Origin, Port, Reason

URG = 32
REPEATED_MAX = 1 << 20
EARLIER_DS = 600
_REQUEST = re.compile(
    rb"[A-Z]{1,32} [^\r\n]* HTTP/1\.[^\r\n][\r\n]|[A-Z]{1,32} HTTP/1\.[^\r\n][\r\n]"
)


def begins_with_request(work: Work, record: Connection) -> bool:
    """Whether the host's next bytes are a whole request line of HTTP/1 (RFC 9112, 3)."""
    segment, flow = work.segment, record.flow
    is_beyond = is_after(segment.sequence, flow.side[Port.OUTSIDE].limit) and not flow.is_liberal
    if segment.flags & (SYN | RST | URG) or is_beyond or not is_checksum_right(work.packet):
        return False
    return len(work.payload) == work.size and _REQUEST.match(work.payload) is not None


def restart(record: Connection, client: int, host: int, work: Work) -> None:
    """Restart the state: only the positions of both sides are known."""
    record.let_go(State.INSPECTED, work.now)
    record.stream = Stream(record.stream.profile, listener=record.stream.listener)
    record.first, record.client_end, record.has_fin = client, 0, False
    record.host_next = record.host_end = record.host_acked = host
    record.outstanding.clear()
    record.is_unknown = record.has_asked_socket = record.is_closed = False


def refuse_earlier(work: Work, record: Connection) -> bool:
    """A client's segment that begins no request. Returns whether the packet stops here."""
    profile = work.lcore.node.profiles[work.packet.profile].http
    is_old = work.now.boot_ds - record.since_ds >= EARLIER_DS
    is_due = profile.fail_closed or record.is_closed or is_old
    if not is_due or not work.rejects(Reason.HTTP_UNINSPECTED):
        return False
    reset(work, record)
    return True


def judge_stranger(work: Work, *, is_untracked: bool) -> bool:
    """Judge a segment of a connection without a record. Returns whether the packet stops here."""
    packet, lcore = work.packet, work.lcore
    if packet.port is Port.INSIDE or work.size == 0:
        return False
    if work.segment.flags & SYN:
        return work.rejects(Reason.HTTP_SYN_DATA)
    is_learning = lcore.node.learning_until_ds > work.now.boot_ds
    is_closed = lcore.node.profiles[packet.profile].http.fail_closed
    if (is_learning or is_untracked) and not is_closed:
        return False
    if not work.rejects(Reason.HTTP_UNINSPECTED):
        return False
    header = Header(work.segment.sequence, RST, ip_fields(packet))
    originate(lcore, Origin.RESET, packet, header, back=False)
    if work.segment.flags & ACK:
        reset_sender(lcore, packet, work.segment)
    return True


def is_answered_anew(work: Work, record: Connection) -> bool:
    """The host has accepted a SYN, as a new connection, on a connection that it has forgotten."""
    segment, flow = work.segment, record.flow
    is_near = (record.host_end - segment.sequence) % MODULUS < REPEATED_MAX
    acked = record.number(record.stream.acked)
    is_repeated = is_near and not is_after(segment.acknowledgment, acked)
    if not segment.is_answer_of_host or not flow.is_liberal:
        return False
    if (is_repeated and flow.state is not FlowState.PICKED_UP) or not is_checksum_right(
        work.packet
    ):
        return False
    restart(record, segment.acknowledgment, (segment.sequence + 1) % MODULUS, work)
    return True
