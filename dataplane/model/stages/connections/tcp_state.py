"""The effect of a TCP segment on its connection, as a node in the middle can follow it.

RFC 9293 names the states of an endpoint; a node sees less and has fewer states. "Real Stateful TCP
Packet Filtering in IP Filter" (van Rooij, 2000) derives in sections 4 and 5 which segments fit,
from what each side has sent, acknowledged and offered. Sequence numbers are modulo 2^32.
"""

from __future__ import annotations

from dataclasses import dataclass

from dataplane.model.packet import ACK, RST, SYN
from dataplane.model.state import Flow, Side
from dataplane.native.abi import FlowState, Port, Reason

FIN = 1
MODULUS = 1 << 32
WINDOW_MIN = 66_000
"""Minimum window for late acknowledgments, in bytes: segments may be reordered."""
PROVEN_STATES = {FlowState.ESTABLISHED, FlowState.HALF_CLOSED, FlowState.CLOSED}
SCALE_MAX = 14
REOPENABLE = {FlowState.CLOSED, FlowState.RESET, FlowState.PICKED_UP}
"""In these states a SYN begins another connection in place of the old one."""


@dataclass(frozen=True)
class Segment:
    """The relevant fields of a TCP segment."""

    sequence: int
    acknowledgment: int
    length: int
    """Length in sequence numbers: SYN and FIN take one each."""
    window: int
    """The window field as in the header."""
    flags: int
    sender: Port
    scale: int | None
    """Window scale option of a SYN."""

    @property
    def end(self) -> int:
        """The first sequence number after the segment."""
        return (self.sequence + self.length) % MODULUS

    @property
    def is_opening(self) -> bool:
        """Whether the segment is a SYN without an acknowledgment."""
        return self.flags & (SYN | ACK | RST) == SYN

    @property
    def is_answer_of_host(self) -> bool:
        """Whether the segment is the protected host's SYN-ACK."""
        return self.sender is Port.INSIDE and self.flags & (SYN | ACK | RST) == SYN | ACK

    @property
    def receiver(self) -> Port:
        """The receiving side."""
        return Port.INSIDE if self.sender is Port.OUTSIDE else Port.OUTSIDE


def is_after(one: int, other: int) -> bool:
    """Whether a sequence number comes after another: RFC 9293, section 3.4."""
    return 0 < (one - other) % MODULUS < MODULUS // 2


def opened(segment: Segment) -> Flow:
    """The connection that this SYN begins."""
    flow = Flow(FlowState.SYN_SENT, segment.sender)
    limit = flow.client_first = (segment.sequence + 1) % MODULUS
    flow.side[segment.sender] = Side(segment.end, limit, max(segment.window, 1), segment.scale)
    return flow


def answered(segment: Segment) -> Flow:
    """A connection whose first known segment is this SYN-ACK of the protected host.

    The client's window scale is unknown: at most 14 (RFC 7323, section 2.3).
    """
    isn = segment.acknowledgment
    flow = Flow(FlowState.SYN_SENT, Port.OUTSIDE, client_first=isn)
    flow.side[Port.OUTSIDE] = Side(isn, isn, 0xFFFF, SCALE_MAX)
    _answer_syn(flow, segment)
    return flow


def picked_up(segment: Segment) -> Flow:
    """A connection that is picked up with this segment."""
    flow = Flow(FlowState.PICKED_UP, segment.sender, is_liberal=True)
    flow.side[segment.sender].end = segment.end
    _note_fins(flow, segment, segment.end)
    return flow


def begins_anew(flow: Flow, segment: Segment) -> bool:
    """Whether a segment begins another connection in place of this one."""
    if segment.is_opening:
        return flow.state in REOPENABLE
    if not flow.is_ended or not segment.is_answer_of_host:
        return False
    return flow.is_liberal or not is_in_window(flow, segment)


def follow(flow: Flow, segment: Segment) -> Reason:
    """Update a connection with a segment that fits; one that does not fit changes nothing.

    Returns NONE, OUT_OF_STATE or OUT_OF_WINDOW.
    """
    if flow.state is FlowState.SYN_SENT:
        return _follow_syn_sent(flow, segment)
    if segment.is_opening:
        return Reason.NONE  # a repetition, or the endpoint challenges it (RFC 5961, section 4)
    if segment.sender is Port.INSIDE and segment.flags & RST:
        # A host that knew the connection would challenge a segment that does not fit: RFC 5961.
        flow.state = FlowState.RESET
        return Reason.NONE
    if flow.is_liberal:
        _follow_liberally(flow, segment)
        return Reason.NONE
    if not _fits(flow, segment):
        return _follow_unseen(flow, segment)
    _follow_in_window(flow, segment)
    return Reason.NONE


def _follow_unseen(flow: Flow, segment: Segment) -> Reason:
    """A segment that does not fit, when parts of the connection may have taken another path.

    Data that the host acknowledges has arrived: it moves the client's end, up to the limit that the
    host announced. A client's acknowledgment moves nothing. If it acknowledges unseen data, the
    segment passes only with exactly the next sequence number, as RFC 5961, section 3.2, requires
    for a RST; the host refuses acknowledgments of unsent data (RFC 9293, 3.10.7.4), and its answer
    moves both ends.
    """
    if segment.is_answer_of_host:
        _begin_anew(flow)
        return Reason.NONE
    sender, receiver = flow.side[segment.sender], flow.side[segment.receiver]
    seen, acknowledged = receiver.end, segment.acknowledgment
    if segment.flags & (SYN | ACK | RST) != ACK or receiver.is_fin_acked:
        return Reason.OUT_OF_WINDOW
    if not is_after(acknowledged, seen) or is_after(acknowledged, receiver.limit):
        return Reason.OUT_OF_WINDOW
    if segment.sender is Port.OUTSIDE:
        is_next = flow.state is not FlowState.SYN_RECEIVED and segment.sequence == sender.end
        return Reason.NONE if is_next else Reason.OUT_OF_WINDOW
    receiver.end = acknowledged
    if not _fits(flow, segment):
        receiver.end = seen
        return Reason.OUT_OF_WINDOW
    receiver.has_finished = False  # an earlier FIN was not the last one
    _follow_in_window(flow, segment)
    return Reason.NONE


def _begin_anew(flow: Flow) -> None:
    """The protected host has accepted a SYN in a connection that it has forgotten, as a new one."""
    flow.state, flow.opener = FlowState.PICKED_UP, Port.OUTSIDE
    flow.is_liberal, flow.is_translated = True, False
    flow.offers_times = flow.offers_sack = flow.offers_scale = False
    for side in flow.side.values():
        side.has_finished = side.is_fin_acked = side.has_answered = False


def _follow_syn_sent(flow: Flow, segment: Segment) -> Reason:
    opener = flow.side[flow.opener]
    if segment.is_opening:
        if segment.sender is flow.opener:  # a repetition, or another attempt
            again = opened(segment)
            flow.side, flow.client_first = again.side, again.client_first
        else:  # simultaneous open: RFC 9293, section 3.5
            _answer_syn(flow, segment)
        return Reason.NONE
    if segment.sender is flow.opener:
        return Reason.NONE if segment.flags & RST else Reason.OUT_OF_STATE
    if not segment.flags & (SYN | RST):
        return Reason.OUT_OF_STATE
    fits = segment.acknowledgment in {opener.end, opener.limit}
    if not segment.flags & ACK or not fits:
        return Reason.OUT_OF_WINDOW
    if segment.flags & RST:  # refused
        flow.state = FlowState.RESET
        for side in flow.side.values():
            side.scale = 0
    else:
        _answer_syn(flow, segment)
    return Reason.NONE


def _answer_syn(flow: Flow, segment: Segment) -> None:
    """The other side's SYN, with or without an acknowledgment of the opener's SYN."""
    flow.state = FlowState.SYN_RECEIVED
    opener = flow.side[segment.receiver]
    side = Side(segment.end, 0, max(segment.window, 1), segment.scale)
    side.limit = (segment.sequence + 1 + opener.window) % MODULUS
    side.has_answered = bool(segment.flags & ACK)
    flow.side[segment.sender] = side
    opener.limit = (opener.limit + segment.window) % MODULUS
    # Both sides must have offered it: RFC 7323, section 2.2.
    both = side.scale is not None and opener.scale is not None
    for one in (side, opener):
        one.scale = one.scale if both else 0


def _follow_liberally(flow: Flow, segment: Segment) -> None:
    """Update a connection with unknown windows. A RST is ignored: it may be forged."""
    if segment.flags & RST or flow.is_ended:
        return
    sender = flow.side[segment.sender]
    if segment.flags & FIN and not sender.is_fin_acked:
        sender.end = segment.end
    _note_fins(flow, segment, sender.end)
    if flow.state is not FlowState.PICKED_UP or segment.sender is not flow.opener:
        flow.state = _state_by_fins(flow)


def _fits(flow: Flow, segment: Segment) -> bool:
    """After a FIN that has arrived, its sender can send no more data."""
    sender = flow.side[segment.sender]
    is_behind_fin = sender.is_fin_acked and is_after(segment.end, sender.end)
    return not is_behind_fin and is_in_window(flow, segment)


def is_in_window(flow: Flow, segment: Segment) -> bool:
    """Whether the sender may send the segment, and may acknowledge what it acknowledges."""
    sender, receiver = flow.side[segment.sender], flow.side[segment.receiver]
    too_new = is_after(segment.sequence, sender.limit)
    too_old = is_after((sender.end - receiver.window) % MODULUS, segment.end)
    if too_new or too_old:
        return False
    if not segment.flags & ACK:
        return True
    # One window before the newest acknowledgment (RFC 5961, section 5.2), which is at most one
    # window before the end of the sent data.
    late = 2 * max(sender.window, WINDOW_MIN)
    never_sent = is_after(segment.acknowledgment, receiver.end)
    too_late = is_after((receiver.end - late) % MODULUS, segment.acknowledgment)
    return not (never_sent or too_late)


def _follow_in_window(flow: Flow, segment: Segment) -> None:
    sender, receiver = flow.side[segment.sender], flow.side[segment.receiver]
    if segment.flags & RST:
        # A RST that is not exact gets a challenge ACK: RFC 5961, section 3.2.
        if segment.sequence == sender.end:
            flow.state = FlowState.RESET
        return
    window = segment.window << (0 if segment.flags & SYN else sender.scale or 0)
    sender.window = max(sender.window, window)
    end_before = sender.end
    if is_after(segment.end, sender.end):
        sender.end = segment.end
    limit = (segment.acknowledgment + window) % MODULUS
    if segment.flags & ACK and is_after(limit, receiver.limit):
        receiver.limit = limit
    _note_fins(flow, segment, end_before)
    if flow.state is FlowState.SYN_RECEIVED:
        if segment.flags & ACK and segment.acknowledgment == receiver.end:
            sender.has_answered = True
        if not (sender.has_answered and receiver.has_answered):
            return
    if flow.state is not FlowState.RESET:
        flow.state = _state_by_fins(flow)


def _note_fins(flow: Flow, segment: Segment, end_before: int) -> None:
    """Note a FIN: the last data of its sender.

    A FIN before the sender's end, or with later data after it, is ignored: somebody else sent it.
    """
    sender, receiver = flow.side[segment.sender], flow.side[segment.receiver]
    if segment.flags & ACK and receiver.has_finished and segment.acknowledgment == receiver.end:
        receiver.is_fin_acked = True
    if segment.flags & FIN and segment.end == sender.end:
        sender.has_finished = True
    elif sender.end != end_before:
        sender.has_finished = False


def _state_by_fins(flow: Flow) -> FlowState:
    finished = sum(side.has_finished for side in flow.side.values())
    return (FlowState.ESTABLISHED, FlowState.HALF_CLOSED, FlowState.CLOSED)[finished]
