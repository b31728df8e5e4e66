"""C takes a client's segments as the model of streams does, in whatever order they come."""

from __future__ import annotations

import os
import random

import pytest

from dataplane.base.settings import HttpCapacities
from dataplane.model.stages.http.framing.request import Request
from dataplane.model.stages.http.stream import Profile, Segment, Stream
from dataplane.native import abi
from dataplane.native.abi import REASON_DEFAULT, REASON_STAGE, Mode, Reason, Stage, Verdict
from dataplane.policy.reasons import STRUCTURAL
from tests.native.harness import Harness
from tests.native.model.model_requests import BAD, GOOD, pieces
from tests.native.stages.http.stream_support import (
    ACK,
    FIN,
    OUTSIDE,
    PSH,
    RST,
    Talk,
    forget,
    inspecting,
    ok,
)

SEEDS = [int(os.environ["SECBEAT_MODEL_SEED"])] if "SECBEAT_MODEL_SEED" in os.environ else range(8)
CASES = int(os.environ.get("SECBEAT_MODEL_CASES", "60"))
URGENT = 32
WINDOW = 65535
LAX = {reason for reason in Reason if REASON_STAGE[reason] is Stage.HTTP} - STRUCTURAL
LAX -= {Reason.HTTP_RETRANSMISSION}
"""Reasons that do not always enforce: which copy of a byte would be read then, nobody says."""


def scan(request: Request, head: bytes, is_head: bool) -> tuple[set[str], bool]:
    return set(), b"attack" in (head if is_head else request.body).lower()


class Both:
    """C and the model of one connection; ``limit``: how much of a body is inspected."""

    def __init__(self, harness: Harness, limit: int) -> None:
        self.talk = Talk(harness).open()
        modes = dict(zip(Reason, map(Mode, harness.policy.profile(0).mode), strict=False))
        self.model = Stream(Profile(modes, scan, limit), window=WINDOW)
        self.harness, self.responses = harness, 0

    def send(self, segment: Segment) -> Reason:
        """The same fate on both sides, which is returned; of a refusal the same answer."""
        flags = ACK | PSH | (URGENT if segment.is_urgent else 0)
        frame = self.talk.segment(
            OUTSIDE, flags, segment.data, offset=segment.at, is_right=segment.is_right
        )
        expected = self.model.take(segment)
        packet = self.harness.run_one(frame)
        found = Reason(packet.reason) if packet.verdict == Verdict.DROP else Reason.NONE
        assert found is expected, (segment, self.model.next, self.model.begun)
        own, _ = self.harness.sent()
        assert len(own) == (2 if self.model.is_refused else 0)
        if self.model.is_refused:
            outstanding = self.model.requests - self.responses - self.model.is_counted
            told = {data[47] for one, data in own if one.port == abi.Port.INSIDE}
            assert told == ({ACK | PSH | FIN} if outstanding == 0 else {RST})
        else:
            assert self.harness.stats.http.requests == self.model.requests
        return expected

    def acknowledge(self, rng: random.Random) -> None:
        """The host has more of what has come, and may answer all requests that it has."""
        self.model.acknowledge(rng.randrange(self.model.acked, self.model.next + 1))
        self.model.window = max(self.model.window, self.model.acked + WINDOW)
        payload = b""
        if self.model.acked == self.model.begun and rng.random() < 0.7:
            count = self.model.requests - self.responses
            payload, self.responses = ok(b"") * count, self.model.requests
        talk = self.talk
        acked = (talk.client + self.model.acked) % (1 << 32)
        talk.step(talk.pair.tcp(abi.Port.INSIDE, ACK, talk.host, acked, payload=payload))
        talk.host += len(payload)


def run(harness: Harness, rng: random.Random) -> set[Reason]:
    """A connection to its end, or until it is refused; the reasons that were met.

    Whatever was kept of it is given back when nothing more comes.
    """
    limit, met = rng.choice((0, 16, 300, 65536)), set()

    def fill(profile: abi.Profile) -> None:
        profile.http.body_limit = limit

    harness.reset_stats()
    for reason in Reason:
        is_kept = reason not in LAX or rng.random() < 0.8
        harness.set_mode(reason, REASON_DEFAULT[reason] if is_kept else rng.choice(list(Mode)))
    with inspecting(harness, HttpCapacities(64), fill=fill, mode=Mode.OFF):
        both = Both(harness, limit)
        chosen = [rng.choice(GOOD) for _ in range(rng.randrange(4))]
        stream = b"".join([*chosen, rng.choice(BAD + GOOD), rng.choice(GOOD)])
        for segment in pieces(rng, stream):
            met.add(both.send(segment))
            if both.model.is_refused:
                break
            if rng.random() < 0.4:
                both.acknowledge(rng)
        forget(harness, 100)
        assert harness.stats.http.pool_used == harness.stats.http.connections == 0
    return met


@pytest.mark.parametrize("seed", SEEDS)
def test_c_takes_segments_as_the_model_does(harness: Harness, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(CASES):
        run(harness, rng)


def test_the_segments_leave_nothing_out(harness: Harness) -> None:
    rng, met = random.Random(0), set[Reason]()
    for _ in range(300):
        met |= run(harness, rng)
    assert met >= {
        *(Reason.NONE, Reason.WAF_RULE, Reason.HTTP_RETRANSMISSION, Reason.HTTP_URGENT),
        *(Reason.HTTP_CHECKSUM, Reason.HTTP_AFTER_CLOSE, Reason.HTTP_OTHER, Reason.HTTP_CHUNK),
        *(Reason.HTTP_LENGTH_AND_CHUNKED, Reason.HTTP_LINE_END, Reason.HTTP_HOST_REPEATED),
    }
