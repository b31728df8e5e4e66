"""The frames that the node sends on a connection whose request was refused: twin of
``answer.c``."""

from __future__ import annotations

from dataplane.model.packet import ACK, RST
from dataplane.model.stages.connections.source_limit import release_source, reset_sender
from dataplane.model.stages.connections.syn_choice import speak_as
from dataplane.model.stages.connections.tcp_state import FIN, MODULUS
from dataplane.model.stages.http.connection import Connection, Refusal, State, Work, later
from dataplane.model.stages.http.framing.message import read_request
from dataplane.model.stages.http.page import incident, page
from dataplane.model.stages.http.responses import may_answer
from dataplane.model.tcp_frame import Header, ip_fields, read_options
from dataplane.model.verdict import consume, originate
from dataplane.native.abi import FlowState, Origin, Port, Reason

LINGER_DS = 50
PSH, WINDOW, TIME_AHEAD = 8, 0xFFFF, 1 << 20


def refuse(work: Work, record: Connection) -> None:
    """The present segment, which was dropped, completes a bad request: refuse it."""
    _reset_onwards(work, _expected_by_host(work, record))
    if _tell_client(work, record):
        return
    _reset_client(work)
    record.let_go(State.RESET, work.now)
    _end_flow(work, record, 0)


def reset(work: Work, record: Connection) -> None:
    """Reset both sides of the present segment."""
    segment = work.segment
    if segment.sender is Port.OUTSIDE:
        _reset_onwards(work, _expected_by_host(work, record))
        _reset_client(work)
    else:
        _reset_onwards(work, later(segment.sequence, record.host_acked))
        reset_sender(work.lcore, work.packet, segment)
    record.let_go(State.RESET, work.now)
    _end_flow(work, record, 0)


def lose(work: Work, record: Connection) -> bool:
    """The host gets bytes that were not inspected. Returns whether the packet stops here."""
    profile = work.lcore.node.profiles[work.packet.profile].http
    if profile.fail_closed and work.rejects(Reason.HTTP_UNINSPECTED):
        reset(work, record)
        return True
    record.let_go(State.EARLIER, work.now)
    return False


def _expected_by_host(work: Work, record: Connection) -> int:
    if record.state is State.EARLIER:
        return work.segment.sequence
    at = record.offset(work.segment.sequence)
    fills_gap = record.client_end > at + work.size
    return record.number(max(at, record.stream.acked) if fills_gap else record.client_end)


def _reset_onwards(work: Work, sequence: int) -> None:
    header = Header(sequence, RST, ip_fields(work.packet))
    originate(work.lcore, Origin.RESET, work.packet, header, back=False)


def _reset_client(work: Work) -> None:
    if work.segment.flags & ACK:
        reset_sender(work.lcore, work.packet, work.segment)


def _end_flow(work: Work, record: Connection, told: int) -> None:
    """End the flow; ``told``: number of sequence numbers that the client got in the host's name."""
    flow = record.flow
    flow.side[Port.INSIDE].end = (flow.side[Port.INSIDE].end + told) % MODULUS
    flow.state = FlowState.RESET
    release_source(work.lcore, flow)
    flow.deadline_ds = work.now.boot_ds + work.lcore.node.timeouts_ds[flow.state]


def _tell_client(work: Work, record: Connection) -> bool:
    """Whether an error page can be sent, that is: the client can't take it for another answer."""
    stream = record.stream
    if not may_answer(record, is_expected=stream.is_counted):
        return False
    request = read_request(stream.message)
    number = incident(work.lcore.incident_key, work.lcore.incidents)
    text = page(request, number)
    acknowledgment = record.number(_received(work, record))
    record.let_go(State.REFUSED, work.now)
    record.refusal = Refusal(record.host_end, acknowledgment, text)
    _send(work, record, record.refusal, with_page=True)
    _end_flow(work, record, len(text) + 1)
    return True


def _received(work: Work, record: Connection) -> int:
    """Offset after all bytes that the client has sent without a gap."""
    held, end = record.stream.end, record.offset(work.segment.sequence) + work.size
    is_fin = held == end and bool(work.segment.flags & FIN)
    was_fin = record.has_fin and record.client_end == held + 1
    return held + (is_fin or was_fin)


def _send(work: Work, record: Connection, refusal: Refusal, *, with_page: bool) -> None:
    """Send page and FIN, or only an acknowledgment after they were sent."""
    times = read_options(work.packet).times
    if times is not None:
        value, echo = times
        delta = record.flow.time_delta or 0
        times = (echo + TIME_AHEAD + delta) % MODULUS, value
    behind = 0 if with_page else len(refusal.page) + 1
    header = Header(
        sequence=(refusal.sequence + behind) % MODULUS,
        flags=ACK | (PSH | FIN if with_page else 0),
        ip=speak_as(None, work.packet),
        acknowledgment=refusal.acknowledgment,
        window=WINDOW,
        times=times,
    )
    payload = refusal.page if with_page else b""
    originate(work.lcore, Origin.REFUSAL, work.packet, header, back=True, payload=payload)


def answer_client(work: Work, record: Connection) -> None:
    """A segment of a client whose connection was refused or reset: absorb it."""
    segment = work.segment
    consume(work.lcore, work.packet)
    if segment.flags & RST:
        return
    is_over = work.now.boot_ds - record.since_ds >= LINGER_DS
    if record.state is State.REFUSED and is_over:
        record.let_go(State.RESET, work.now)
    refusal = record.refusal
    if refusal is None:
        _reset_client(work)
        return
    if segment.length == 0:
        return
    begins = (segment.sequence - refusal.acknowledgment) % MODULUS
    if not 0 < begins < MODULUS // 2:
        refusal.acknowledgment = later(refusal.acknowledgment, segment.end)
    has_all = (refusal.sequence + len(refusal.page) + 1) % MODULUS
    _send(work, record, refusal, with_page=segment.acknowledgment != has_all)


def answer_host(work: Work) -> None:
    """The same as `answer_client`, for a segment of the host."""
    consume(work.lcore, work.packet)
    if work.segment.flags & (RST | ACK) == ACK:
        reset_sender(work.lcore, work.packet, work.segment)
