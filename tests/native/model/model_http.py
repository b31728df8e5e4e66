"""Conversations about HTTP for the differential test: requests in pieces, and what hosts answer.

The host answers what was sent without a gap, whatever the node has let through of it.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field

from dataplane.model.policy import Http
from dataplane.model.stages.http.framing.message import read_request
from dataplane.model.stages.http.framing.request import Progress
from dataplane.model.stages.http.stream import Segment
from dataplane.native.abi import REASON_STAGE, Mode, Port, Reason, Stage
from dataplane.policy.reasons import STRUCTURAL
from tests.native import frames
from tests.native.harness import Frame
from tests.native.model.model_case import Case
from tests.native.model.model_conversations import (
    ACK,
    CLIENTS,
    FIN,
    MODULUS,
    PSH,
    RST,
    SERVERS,
    SYN,
    Talk,
)
from tests.native.model.model_frames import happens
from tests.native.model.model_policy import Rules
from tests.native.model.model_requests import BAD, GOOD, pieces

URG = 32
LATER_NS = (0, 0, 10**7, 2 * 10**8, 2 * 10**9, 6 * 10**9)
REASONS = sorted({one for one in Reason if REASON_STAGE[one] is Stage.HTTP} - STRUCTURAL)
RESPONSES = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
    b"HTTP/1.1 204 No\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n",
)
LAST = b"HTTP/1.0 200 OK\r\n\r\nuntil the end"
INTERIM = b"HTTP/1.1 103 Hints\r\n\r\n"


@dataclass
class HttpTalk:
    """A client and its host; numbers count from the first byte of each."""

    talk: Talk
    isn: dict[Port, int]
    with_times: bool
    sent: dict[int, int] = field(default_factory=dict)
    """The client's bytes."""
    said: int = 0
    """How many the host has."""
    heard: int = 0
    """Of those the client has acknowledged."""
    answered: int = 0
    """Requests that were."""

    def open(self) -> list[Frame]:
        """The handshake."""
        return [
            self.frame(Port.OUTSIDE, SYN, -1, -1),
            self.frame(Port.INSIDE, SYN | ACK, -1, 0),
            self.frame(Port.OUTSIDE, ACK, 0, 0),
        ]

    def frame(
        self,
        sender: Port,
        flags: int,
        at: int,
        acked: int,
        data: bytes = b"",
        *,
        right: bool = True,
        more: bool = False,
    ) -> Frame:
        """A segment of either side; ``more``: as a first fragment."""
        other = Port.OUTSIDE if sender is Port.INSIDE else Port.INSIDE
        ports = self.talk.ports if sender is Port.OUTSIDE else self.talk.ports[::-1]
        sequence = (self.isn[sender] + 1 + at) % MODULUS
        acknowledged = (self.isn[other] + 1 + acked) % MODULUS if flags & ACK else 0
        options = struct.pack("!BBBBII", 1, 1, 8, 10, 1000 + at, 77) if self.with_times else b""
        size = (20 + len(options)) // 4 << 4
        tcp = struct.pack("!HHIIBBHHH", *ports, sequence, acknowledged, size, flags, 65535, 0, 0)
        hosts = (self.talk.client.packed, self.talk.server.packed)
        segment = frames.with_tcp_checksum(tcp + options + data, *hosts)
        if not right:
            segment = segment[:16] + bytes([segment[16] ^ 1]) + segment[17:]
        return self.talk.packet(sender, 6, segment, more=more)

    def client(self, rng: random.Random, piece: Segment) -> Frame:
        """The client sends some bytes, and may acknowledge what it has."""
        if happens(rng, 0.8):
            self.heard = self.said
        for at, byte in enumerate(piece.data, piece.at):
            self.sent.setdefault(at, byte)
        flags = ACK | PSH | (URG if piece.is_urgent else 0) | (FIN if happens(rng, 0.03) else 0)
        return self.frame(
            *(Port.OUTSIDE, flags, piece.at, self.heard, piece.data),
            right=piece.is_right,
            more=happens(rng, 0.02),
        )

    @property
    def stream(self) -> bytes:
        """What the client has sent without a gap."""
        out = bytearray()
        while len(out) in self.sent:
            out.append(self.sent[len(out)])
        return bytes(out)

    def _asked(self) -> int:
        """Requests that are complete."""
        data, count = self.stream, 0
        while (request := read_request(data)).progress is Progress.COMPLETE:
            data, count = data[request.fed :], count + 1
        return count

    def host(self, rng: random.Random) -> list[Frame]:
        """The host acknowledges, and answers; not always as it should."""
        asked, data = self._asked(), b""
        while self.answered < asked and happens(rng, 0.8):
            data += INTERIM if happens(rng, 0.1) else b""
            data += LAST if happens(rng, 0.03) else rng.choice(RESPONSES)
            self.answered += 1
        if happens(rng, 0.03):
            data += rng.choice(RESPONSES)
        if happens(rng, 0.05):  # some of it passes another way
            self.said += 5
        at, acked = self.said, len(self.stream) - rng.choice((0, 0, 0, 3))
        self.said += len(data)
        flags = ACK | PSH | (FIN if happens(rng, 0.03) else 0)
        cut = rng.randrange(len(data) + 1)
        parts = [(at, data[:cut]), (at + cut, data[cut:])]
        parts = parts[::-1] if happens(rng, 0.1) else parts
        found = [self.frame(Port.INSIDE, flags, n, acked, part) for n, part in parts if part]
        return found or [self.frame(Port.INSIDE, flags, at, acked)]

    def anything(self, rng: random.Random) -> Frame:
        """A probe, a repeated SYN, a RST; of numbers that may be far away."""
        sender = rng.choice(list(Port))
        flags = rng.choice((ACK, ACK, FIN | ACK, RST, RST | ACK, SYN, SYN | ACK))
        mine, theirs = (len(self.stream), self.said)[:: 1 if sender is Port.OUTSIDE else -1]
        at = mine + rng.choice((0, 0, -1, 1, 100, 70_000, 70_000, 1 << 31))
        data = rng.choice((b"", b"", b"x", b"GET / HTTP/1.1\r\n"))
        return self.frame(sender, flags, at, theirs - rng.choice((0, 0, 1)), data)


def http_case(rng: random.Random) -> Case:
    """Two connections of a port that is inspected, or one."""
    talks = [_talk(rng, number) for number in range(rng.choice((1, 1, 2)))]
    lists = [_conversation(rng, one) for one in talks]
    every: list[Frame] = []
    while any(lists):
        chosen = rng.choice([one for one in lists if one])
        every.append(chosen.pop(0))
    bursts = []
    while every:
        size = rng.choice((1, 1, 1, 2, 5))
        bursts.append(tuple(every[:size]))
        every = every[size:]
    http = Http(
        ports=frozenset({80}),
        body_limit=rng.choice((0, 16, 300, 65536)),
        fail_closed=happens(rng, 0.3),
        pass_other=happens(rng, 0.2),
    )
    lax = rng.sample(REASONS, rng.choice((0, 1, 8, 30)))
    lax += rng.sample((Reason.OUT_OF_WINDOW, Reason.OUT_OF_STATE), rng.randrange(3))
    modes = {reason: rng.choice((Mode.MONITOR, Mode.OFF)) for reason in lax}
    modes.pop(Reason.HTTP_RETRANSMISSION, None)  # which copy would be read then, nobody says
    return Case(
        bursts=tuple(bursts),
        modes=modes,
        policy=(Rules(http=http),),
        later_ns=tuple(rng.choice(LATER_NS) for _ in range(7)),
        learning_ds=rng.choice((0, 0, 20)),
    )


def _talk(rng: random.Random, number: int) -> HttpTalk:
    client = rng.choice(CLIENTS)
    talk = Talk(
        client=client,
        server=SERVERS[client.version == 6],
        ports=(40000 + number, 80),
        opener=Port.OUTSIDE,
        next={},
        ip={port: (rng.choice((64, 255, 3)), rng.choice((0, 0xC3))) for port in Port},
        vlan=rng.choice((0, 0, 7)),
    )
    isn = {port: rng.choice((0, MODULUS - 5, 0x7FFFFF00, rng.getrandbits(32))) for port in Port}
    return HttpTalk(talk, isn, with_times=happens(rng, 0.3))


def _conversation(rng: random.Random, one: HttpTalk) -> list[Frame]:
    out = [] if happens(rng, 0.1) else one.open()
    chosen = [rng.choice(GOOD) for _ in range(rng.randrange(3))]
    stream = b"".join([*chosen, rng.choice(BAD + GOOD), rng.choice(GOOD)])
    for piece in pieces(rng, stream):
        out.append(one.client(rng, piece))
        if happens(rng, 0.5):
            out += one.host(rng)
        if happens(rng, 0.06):
            out.append(one.anything(rng))
    return out
