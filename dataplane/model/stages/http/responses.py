"""Follows the host's responses, as far as they decide what a client can be sent: twin of
``responses.c``."""

from __future__ import annotations

from dataplane.model.checksum import is_checksum_right
from dataplane.model.stages.connections.tcp_state import FIN, MODULUS, is_after
from dataplane.model.stages.http.connection import Connection, State, Work, later
from dataplane.model.stages.http.framing.request import Progress, Request
from dataplane.model.stages.http.response import FINAL, Response

IDLE_DS = 10
SKIP_MAX = 1 << 30
OUTSTANDING_MAX = 32
SWITCHING = 101


def follow_host(work: Work, record: Connection) -> None:
    """Process a segment of the host."""
    end = (work.segment.sequence + work.size) % MODULUS
    if work.size and not record.is_unknown and is_after(end, record.host_next):
        _follow(work, record, end)
    if work.size and record.is_unknown:
        record.since_ds = work.now.boot_ds
        record.outstanding.clear()
    record.host_end = later(record.host_end, (end + (work.segment.flags & FIN)) % MODULUS)


def _follow(work: Work, record: Connection, end: int) -> None:
    if is_after(work.segment.sequence, record.host_next) or len(work.payload) < work.size:
        _lose_track(work, record)
        return
    if not is_checksum_right(work.packet):
        return
    while is_after(end, record.host_next) and not record.is_unknown:
        if record.state is not State.INSPECTED:
            return
        _read(work, record, work.payload[(record.host_next - work.segment.sequence) % MODULUS :])


def _read(work: Work, record: Connection, data: bytes) -> None:
    if record.response is None and not record.outstanding:
        _lose_track(work, record)
        return
    response = record.response or Response(record.outstanding[0])
    record.response = response
    used = response.feed(data)
    record.host_next = (record.host_next + used) % MODULUS
    if response.progress is Progress.COMPLETE:
        _end_response(work, record, response.status)
    elif response.progress is Progress.BROKEN or used == 0:
        _lose_track(work, record)
    else:
        count = min(response.skippable, SKIP_MAX)
        response.skip(count)
        record.host_next = (record.host_next + count) % MODULUS


def _end_response(work: Work, record: Connection, status: int) -> None:
    record.response = None
    if status == SWITCHING and len(record.outstanding) == 1 and record.has_asked_socket:
        record.let_go(State.UPGRADED, work.now)
    elif status == SWITCHING:
        _lose_track(work, record)
    elif status >= FINAL:
        record.outstanding.pop(0)


def _lose_track(work: Work, record: Connection) -> None:
    record.is_unknown, record.response = True, None
    record.since_ds = work.now.boot_ds


def expect_response(work: Work, record: Connection, request: Request) -> None:
    """The head of a request is complete: expect its response."""
    record.has_asked_socket = "is_websocket" in request.flags or "UPGRADE" in request.faults
    if len(record.outstanding) == OUTSTANDING_MAX:
        _lose_track(work, record)
    else:
        record.outstanding.append("is_head" in request.flags)


def recover_responses(work: Work, record: Connection) -> None:
    """Recover after a gap: if no request waits, and the host was silent for a second."""
    is_silent = work.now.boot_ds - record.since_ds >= IDLE_DS and not record.outstanding
    has_all = record.host_acked == record.host_end
    if record.is_unknown and record.stream.is_idle and is_silent and has_all:
        record.is_unknown = False
        record.host_next = record.host_end


def may_answer(record: Connection, *, is_expected: bool) -> bool:
    """Whether a page can't be taken for another response; ``is_expected``: the host has
    a request."""
    return (
        not record.is_unknown
        and len(record.outstanding) == is_expected
        and record.response is None
        and record.host_next == record.host_end == record.host_acked
    )
