"""The bytes of a client on an inspected connection, and which of them a node in the middle lets
pass.

The principle: hold nothing, acknowledge nothing. A segment is judged by what the passed bytes and
its own bytes would mean to the host; only the segment that completes something bad is withheld. The
twin of ``stream.c`` and ``copies.c``, which keep only a window of the bytes: offsets count from the
client's first byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dataplane.model.stages.http.framing.message import read_request
from dataplane.model.stages.http.framing.request import Framing, Progress, Request
from dataplane.native.abi import Mode, Reason

AHEAD_MAX = 1 << 30
FAULTS = tuple(one.name for one in Reason if one.name.startswith("HTTP_"))
"""Reasons of faults, in the order in which C checks them."""


@dataclass(frozen=True)
class Profile:
    """The settings that decide, beside the bytes."""

    modes: Mapping[Reason, Mode]
    scan: Callable[[Request, bytes, bool], tuple[set[str], bool]]
    """Arguments: a request and its head; whether the head is scanned, or the body so far. Returns
    more faults, and whether a blocking rule matches."""
    body_limit: int
    pass_other: bool = False
    """A connection that does not begin like HTTP/1 passes."""


class Listener:
    """Gets the findings in a stream, and decides about the present segment."""

    is_exempt = False
    """The client is exempt."""

    def rejects(self, mode: Mode, _reason: Reason) -> bool:
        """Whether the mode of a reason drops the segment."""
        return mode is Mode.ENFORCE

    def fresh(self) -> None:
        """The segment has new bytes."""

    def head(self, request: Request) -> None:
        """The head of a request is complete."""

    def complete(self) -> None:
        """A request is complete, and passes."""

    def incident(self) -> None:
        """There is a finding that a refused client would get as an incident."""


@dataclass(frozen=True)
class Segment:
    """Bytes from a sequence number on."""

    at: int
    data: bytes
    is_urgent: bool = False
    is_right: bool = True
    """The segment's TCP checksum is right."""


@dataclass
class Stream:
    """The bytes of one client."""

    profile: Profile
    listener: Listener = field(default_factory=Listener)
    known: dict[int, int] = field(default_factory=dict)
    """All bytes that passed and were inspected, in their first version."""
    acked: int = 0
    """Number of bytes that the host has acknowledged."""
    window: int = 0
    """The end of the host's window: the client may send up to this offset."""
    next: int = 0
    """Number of bytes that were judged."""
    is_bare: bool = True
    """Nothing of the judged bytes is kept: repetitions pass without a comparison."""
    kept_from: int = 0
    """Offset of the first kept byte."""
    is_rest: bool = False
    """Only the end of the present message is searched."""
    begun: int = 0
    """Offset of the present message."""
    is_last: bool = False
    """The client has announced its last request."""
    requests: int = 0
    """Requests with a complete head: so many responses follow."""
    is_counted: bool = False
    """The head of the present message is complete."""
    judged: set[str] = field(default_factory=set)
    """Faults of the present message that were judged already."""
    is_hit: bool = False
    """The present message was judged by a blocking rule already."""
    is_refused: bool = False
    is_unparsed: bool = False
    """Something was no request, and a mode lets it pass, with all that follows."""

    def take(self, segment: Segment) -> Reason:
        """The reason to withhold a segment; NONE: it passes."""
        end = segment.at + len(segment.data)
        if not segment.data or self.is_unparsed:
            return Reason.NONE
        if segment.is_urgent and self._rejects(Reason.HTTP_URGENT):
            return Reason.HTTP_URGENT
        if not self._is_new(end) and self.is_bare:
            return Reason.NONE
        if not segment.is_right:
            return Reason.HTTP_CHECKSUM
        if segment.at > self.window or segment.at - self.acked > AHEAD_MAX:
            return Reason.HTTP_SEQUENCE if self._rejects(Reason.HTTP_SEQUENCE) else Reason.NONE
        return self._take_bytes(dict(enumerate(segment.data, segment.at)), segment.at)

    def _take_bytes(self, fresh: Mapping[int, int], first: int) -> Reason:
        unsure = [at for at in fresh if at >= self.acked]
        differs = any(self.known.get(at, fresh[at]) != fresh[at] for at in unsure)
        if differs and self._rejects(Reason.HTTP_RETRANSMISSION):
            return Reason.HTTP_RETRANSMISSION
        if self._is_new(first + len(fresh)):
            self.listener.fresh()
            self.is_bare = False
            self.kept_from = self.next if self.is_idle else self.kept_from
        for at, byte in fresh.items():
            if at >= self.next:
                self.known.setdefault(at, byte)
        reason = self._advance() if first <= self.next else Reason.NONE
        self.is_refused = reason is not Reason.NONE
        return reason

    def acknowledge(self, number: int) -> None:
        """The host has all bytes before this offset, so some kept bytes may be dropped.

        Only if this moves fewer bytes than it drops.
        """
        if number <= self.acked:
            return
        was_idle, self.acked = self.is_idle, number
        is_open = not self.is_rest and self.message_so_far not in {b"", b"\r\n"}
        needed = min(self.begun if is_open else self.next, self.acked)
        left = max([at + 1 for at in self.known if at >= self.next] or [self.next]) - needed
        if needed > self.kept_from and left <= needed - self.kept_from:
            self.kept_from = needed
        self.is_bare |= not was_idle and self.kept_from == self.next

    def _is_new(self, end: int) -> bool:
        """Whether there are new bytes before this offset; numbers are compared modulo 2^32."""
        return 0 < end - self.next < 1 << 31

    def _rejects(self, reason: Reason) -> bool:
        return self.listener.rejects(self.profile.modes.get(reason, Mode.ENFORCE), reason)

    @property
    def message(self) -> bytes:
        """The arrived part of the present message, and what follows it."""
        return bytes(self.known[at] for at in range(self.begun, self.end))

    @property
    def message_so_far(self) -> bytes:
        """The judged part of the present message."""
        return bytes(self.known[at] for at in range(self.begun, self.next))

    @property
    def is_idle(self) -> bool:
        """Whether nothing of it has to be kept: a line end is not a message yet."""
        is_ahead = any(at >= self.next for at in self.known)
        is_between = self.message in {b"", b"\r\n"}
        return is_between and not is_ahead and self.acked >= self.next

    @property
    def end(self) -> int:
        """Offset after the last byte without a gap."""
        end = self.next
        while end in self.known:
            end += 1
        return end

    def _advance(self) -> Reason:
        end = self.end
        while self.next < end:
            data = bytes(self.known[at] for at in range(self.begun, end))
            reason = self._judge(data, self.next - self.begun)
            if reason is not Reason.NONE or self.begun == self.next == end:
                return reason
            if self.next == end:
                break
        return Reason.NONE

    def _judge(self, data: bytes, before: int) -> Reason:
        """Judge one message, of which so many bytes had arrived before."""
        is_late = self.is_last and bool(data.strip(b"\r\n"))
        if before == 0:
            self.is_counted = self.is_hit = self.is_rest = False
            self.judged = set()
            if is_late and data[:1] not in {b"\r", b"\n"} and self._is_fault("AFTER_CLOSE"):
                return Reason.HTTP_AFTER_CLOSE
        request = read_request(data)
        self.next = self.begun + len(data)
        head, reason = request.head_size, Reason.NONE
        first = read_request(data[:head])
        for one in (request, first) if is_late else ():
            one.faults.add("AFTER_CLOSE")
        self.is_counted = bool(head) and first.progress is not Progress.BROKEN
        if self.is_counted and before < head:
            self.requests += 1
            self.listener.head(first)
            reason = self._of_part(first, data[:head], is_head=True)
        if reason is Reason.NONE and self._is_due(request, len(data), before):
            is_body = len(data) > head > 0 and not self._was_inspected(request, before)
            has_body = is_body and request.framing is not Framing.NO_BODY
            reason = self._of_part(request, data[:head] if has_body else b"", is_head=False)
        reached = len(data) - request.head_size >= self.profile.body_limit
        self.is_rest = request.progress is Progress.BODY and reached
        if reason is Reason.NONE and request.progress is Progress.COMPLETE:
            self.begun += request.fed
            self.next = self.begun
            self.is_last = "keep_alive" not in request.flags
            self.listener.complete()
        return reason

    def _is_due(self, request: Request, size: int, before: int) -> bool:
        """Whether the end has arrived, or as much of a body as is inspected."""
        if request.progress is Progress.BODY:
            reached = size - request.head_size >= self.profile.body_limit
            return reached and not self._was_inspected(request, before)
        return request.progress is not Progress.HEAD

    def _was_inspected(self, request: Request, before: int) -> bool:
        limit = self.profile.body_limit
        return limit == 0 or before - request.head_size >= limit

    def _of_part(self, request: Request, head: bytes, *, is_head: bool) -> Reason:
        """Framing faults of a message, then the rules for its head or its body.

        ``head``: empty if nothing is to be scanned any more.
        """
        is_broken = request.progress is Progress.BROKEN
        if is_broken and "OTHER" in request.faults and self.profile.pass_other:
            self.is_unparsed = True
            return Reason.NONE
        is_scanned = bool(head) and not is_broken
        more, is_hit = self.profile.scan(request, head, is_head) if is_scanned else (set(), False)
        for name in FAULTS:
            fault = name.removeprefix("HTTP_")
            if fault in request.faults | more and self._is_fault(fault):
                return Reason[name]
        self.is_unparsed = is_broken
        is_asked = is_scanned and not self.listener.is_exempt
        return self._of_rules(request, is_hit=is_hit, is_head=is_head) if is_asked else Reason.NONE

    def _is_fault(self, fault: str) -> bool:
        """Whether a fault is new, and refused."""
        if fault in self.judged:
            return False
        self.judged.add(fault)
        is_rejected = self._rejects(Reason[f"HTTP_{fault}"])
        if is_rejected:
            self.listener.incident()
        return is_rejected

    def _of_rules(self, request: Request, *, is_hit: bool, is_head: bool) -> Reason:
        """Rules are applied once per request: to a head only if it ends the request, or is refused
        for it."""
        self.is_hit |= is_hit
        has_body = request.progress is not Progress.COMPLETE and self.profile.body_limit > 0
        is_enforced = self.profile.modes.get(Reason.WAF_RULE, Mode.ENFORCE) is Mode.ENFORCE
        if not self.is_hit or (is_head and has_body and not is_enforced):
            return Reason.NONE
        self.listener.incident()
        return Reason.WAF_RULE if self._rejects(Reason.WAF_RULE) else Reason.NONE
