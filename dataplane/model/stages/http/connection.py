"""The state of an inspected connection: twin of ``struct sb_http_record``.

The client's positions are offsets from its first byte, which do not wrap; the host's are sequence
numbers as the client sees them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from dataplane.model.packet import Packet, end_of_ip
from dataplane.model.stages.connections.tcp_state import MODULUS, Segment, is_after
from dataplane.model.stages.http.response import Response
from dataplane.model.stages.http.stream import Stream
from dataplane.model.state import Flow, HttpRecord, Lcore, Time
from dataplane.model.verdict import reject
from dataplane.native.abi import PacketFlag, Reason

UNJUDGED = PacketFlag.ALLOWED | PacketFlag.NEIGHBOR


class State(Enum):
    """The values of ``enum sb_http_state``."""

    INSPECTED = auto()
    EARLIER = auto()
    UNPARSED = auto()
    UPGRADED = auto()
    REFUSED = auto()
    RESET = auto()


@dataclass
class Refusal:
    """The answer that the client has got."""

    sequence: int
    acknowledgment: int
    page: bytes


@dataclass
class Connection(HttpRecord):
    """One connection; ``first``: sequence number of the client's first byte, offset 0."""

    flow: Flow
    stream: Stream
    first: int
    host_next: int
    """The host's bytes before this number were parsed, or need not be."""
    host_end: int
    """Number after the host's last byte that was seen."""
    host_acked: int
    """Acknowledged by the client."""
    client_end: int = 0
    """Offset after the client's last byte that was seen."""
    has_fin: bool = False
    """The byte at ``client_end`` - 1."""
    state: State = State.INSPECTED
    since_ds: int = 0
    is_closed: bool = False
    """EARLIER: no byte passes, whatever the profile says."""
    is_exempt: bool = False
    """The client's last packet was exempt."""
    is_unknown: bool = False
    """Start of the host's next response."""
    outstanding: list[bool] = field(default_factory=list)
    """Requests with incomplete responses, the oldest first: whether each is a HEAD."""
    has_asked_socket: bool = False
    response: Response | None = None
    refusal: Refusal | None = None

    def offset(self, sequence: int) -> int:
        """The offset of a sequence number of the client, nearest to the host's position."""
        distance = (sequence - self.first - self.stream.acked) % MODULUS
        return self.stream.acked + distance - (MODULUS if distance >= MODULUS // 2 else 0)

    def number(self, offset: int) -> int:
        """The client's sequence number at an offset."""
        return (self.first + offset) % MODULUS

    def let_go(self, state: State, now: Time) -> None:
        """From now on the connection passes, or is answered, without inspection."""
        self.state, self.since_ds = state, now.boot_ds
        self.response = self.refusal = None


@dataclass
class Work:
    """A segment of an inspected or unknown connection."""

    lcore: Lcore
    packet: Packet
    segment: Segment
    """The segment's numbers as the client sees them."""
    now: Time
    record: Connection | None

    @property
    def payload(self) -> bytes:
        """The payload, by the length of the IP packet."""
        return self.packet.data[self.packet.payload_offset : end_of_ip(self.packet)]

    @property
    def size(self) -> int:
        """The payload's size in bytes, whether they are available or not."""
        return max(0, end_of_ip(self.packet) - self.packet.payload_offset)

    def rejects(self, reason: Reason) -> bool:
        """Whether the profile's mode of the reason drops the packet."""
        exempt = (
            bool(self.packet.flags & UNJUDGED) if self.record is None else self.record.is_exempt
        )
        return not exempt and reject(self.lcore, self.packet, reason)


def later(one: int, other: int) -> int:
    """The later of two sequence numbers."""
    return one if is_after(one, other) else other
