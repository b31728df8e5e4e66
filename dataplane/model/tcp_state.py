"""What a TCP segment does to its connection, as a node in between can follow it.

RFC 9293 names the states of an endpoint; a node sees less and keeps fewer. Which segments fit is
what "Real Stateful TCP Packet Filtering in IP Filter" (van Rooij, 2000) derives in sections 4 and
5 from what each side has sent, acknowledged and offered. Sequence numbers are modulo 2^32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dataplane.abi import FlowState, Port, Reason
from dataplane.model.packet import ACK, RST, SYN

if TYPE_CHECKING:
    from dataplane.model.syn_proxy import Opening

FIN = 1
MODULUS = 1 << 32
WINDOW_MIN = 66_000
"""Bytes that an acknowledgment may be late by at least: segments are overtaken."""
PROVEN_STATES = {FlowState.ESTABLISHED, FlowState.HALF_CLOSED, FlowState.CLOSED}
REOPENABLE = {FlowState.CLOSED, FlowState.RESET, FlowState.PICKED_UP}
"""A SYN begins another connection in the place of one that is so far."""


@dataclass(frozen=True)
class Segment:
    """What of a TCP segment matters here."""

    sequence: int
    acknowledgment: int
    length: int
    """In sequence numbers: SYN and FIN take one each."""
    window: int
    """As in the header."""
    flags: int
    sender: Port
    scale: int | None
    """A SYN's window scale option."""

    @property
    def end(self) -> int:
        """The first sequence number behind it."""
        return (self.sequence + self.length) % MODULUS

    @property
    def is_opening(self) -> bool:
        """A SYN that acknowledges nothing."""
        return self.flags & (SYN | ACK | RST) == SYN

    @property
    def receiver(self) -> Port:
        """The other side."""
        return Port.INSIDE if self.sender is Port.OUTSIDE else Port.OUTSIDE


@dataclass
class Side:
    """What one side of a connection may send."""

    end: int = 0
    """The highest sequence number that it has sent, and one more."""
    limit: int = 0
    """How far the other side has let it send. Of the opener until the answer: the lowest
    acknowledgment that fits, which is of the SYN without its data."""
    window: int = 0
    """The largest that it has offered, in bytes."""
    scale: int | None = None
    """Of its windows; what its SYN has offered until both have."""
    has_finished: bool = False
    """Has sent a FIN."""
    has_answered: bool = False
    """Has acknowledged the other's SYN."""


@dataclass
class Flow:
    """One connection; of UDP and ICMP only the first three fields mean something."""

    state: FlowState
    opener: Port
    deadline_ds: int = 0
    side: dict[Port, Side] = field(default_factory=lambda: {port: Side() for port in Port})
    is_liberal: bool = False
    """Met in its midst: nobody knows its windows."""
    is_proven: bool = False
    """The client has shown that it receives what is sent to it."""
    opening: Opening | None = None
    """What the SYN proxy knows while it waits for the protected host."""
    is_translated: bool = False
    sequence_delta: int = 0
    """What the client sees, less what the host sends."""
    time_delta: int | None = None
    """The same of timestamps; None: there are none."""
    announced_scale: int = 0
    """To the client, of the host's windows."""
    offers_times: bool = False
    """The client's SYN does."""
    offers_sack: bool = False
    offers_scale: bool = False
    source: object = None
    """Under which a proven connection is counted; None: not counted."""

    @property
    def is_half_open(self) -> bool:
        """A client's SYN has gone to the protected host, and nothing has proven the client yet."""
        is_early = self.state in {FlowState.SYN_SENT, FlowState.SYN_RECEIVED}
        return is_early and self.opener is Port.OUTSIDE and not self.is_proven


def is_after(one: int, other: int) -> bool:
    """Whether a sequence number comes after another: RFC 9293, section 3.4."""
    return 0 < (one - other) % MODULUS < MODULUS // 2


def opened(segment: Segment) -> Flow:
    """A connection that this SYN begins."""
    flow = Flow(FlowState.SYN_SENT, segment.sender)
    limit = (segment.sequence + 1) % MODULUS
    flow.side[segment.sender] = Side(segment.end, limit, max(segment.window, 1), segment.scale)
    return flow


def picked_up(segment: Segment) -> Flow:
    """A connection that is met in its midst with this segment."""
    flow = Flow(FlowState.PICKED_UP, segment.sender, is_liberal=True)
    flow.side[segment.sender].has_finished = bool(segment.flags & FIN)
    return flow


def follow(flow: Flow, segment: Segment) -> Reason:
    """Move a connection on by a segment that fits; one that does not changes nothing.

    Returns NONE, OUT_OF_STATE or OUT_OF_WINDOW.
    """
    if flow.state is FlowState.SYN_SENT:
        return _follow_syn_sent(flow, segment)
    if segment.is_opening:
        return Reason.NONE  # repeated, or for the endpoint to challenge (RFC 5961, section 4)
    if flow.is_liberal:
        _follow_liberally(flow, segment)
        return Reason.NONE
    if not _is_in_window(flow, segment):
        if segment.sender is not Port.INSIDE or segment.flags & (SYN | ACK | RST) != SYN | ACK:
            return Reason.OUT_OF_WINDOW
        _begin_anew(flow)
        return Reason.NONE
    _follow_in_window(flow, segment)
    return Reason.NONE


def _begin_anew(flow: Flow) -> None:
    """The protected host has taken a SYN into a connection that it has forgotten for a new one."""
    flow.state, flow.opener = FlowState.PICKED_UP, Port.OUTSIDE
    flow.is_liberal, flow.is_translated = True, False
    flow.offers_times = flow.offers_sack = flow.offers_scale = False
    for side in flow.side.values():
        side.has_finished = side.has_answered = False


def _follow_syn_sent(flow: Flow, segment: Segment) -> Reason:
    opener = flow.side[flow.opener]
    if segment.is_opening:
        if segment.sender is flow.opener:  # repeated, or tried again
            flow.side = opened(segment).side
        else:  # simultaneous: RFC 9293, section 3.5
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
    """The other side's SYN, with or without an acknowledgment of the opener's."""
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
    """A RST from outside may be forged: without windows there is no telling."""
    if segment.flags & RST:
        if segment.sender is Port.INSIDE:
            flow.state = FlowState.RESET
        return
    if segment.flags & FIN:
        flow.side[segment.sender].has_finished = True
    if flow.state is FlowState.PICKED_UP and segment.sender is flow.opener:
        return
    if flow.state is not FlowState.RESET:
        flow.state = _state_by_fins(flow)


def _is_in_window(flow: Flow, segment: Segment) -> bool:
    sender, receiver = flow.side[segment.sender], flow.side[segment.receiver]
    too_new = is_after(segment.sequence, sender.limit)
    too_old = is_after((sender.end - receiver.window) % MODULUS, segment.end)
    if too_new or too_old:
        return False
    if not segment.flags & ACK:
        return True
    # A window behind the newest one (RFC 5961, section 5.2), which is one behind what was sent.
    late = 2 * max(sender.window, WINDOW_MIN)
    never_sent = is_after(segment.acknowledgment, receiver.end)
    too_late = is_after((receiver.end - late) % MODULUS, segment.acknowledgment)
    return not (never_sent or too_late)


def _follow_in_window(flow: Flow, segment: Segment) -> None:
    sender, receiver = flow.side[segment.sender], flow.side[segment.receiver]
    if segment.flags & RST:
        # One that is not exact will be challenged: RFC 5961, section 3.2.
        if segment.sequence == sender.end:
            flow.state = FlowState.RESET
        return
    window = segment.window << (0 if segment.flags & SYN else sender.scale or 0)
    sender.window = max(sender.window, window)
    if is_after(segment.end, sender.end):
        sender.end = segment.end
    limit = (segment.acknowledgment + window) % MODULUS
    if segment.flags & ACK and is_after(limit, receiver.limit):
        receiver.limit = limit
    if segment.flags & FIN:
        sender.has_finished = True
    if flow.state is FlowState.SYN_RECEIVED:
        if segment.flags & ACK and segment.acknowledgment == receiver.end:
            sender.has_answered = True
        if not (sender.has_answered and receiver.has_answered):
            return
    if flow.state is not FlowState.RESET:
        flow.state = _state_by_fins(flow)


def _state_by_fins(flow: Flow) -> FlowState:
    finished = sum(side.has_finished for side in flow.side.values())
    return (FlowState.ESTABLISHED, FlowState.HALF_CLOSED, FlowState.CLOSED)[finished]
