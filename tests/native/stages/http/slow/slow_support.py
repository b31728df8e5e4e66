"""Connections with limits of time, and what slow clients do on them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dataplane.base.settings import HttpCapacities
from dataplane.native import abi
from dataplane.native.abi import HttpSlow, Mode, Reason
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    ACK,
    INSIDE,
    OUTSIDE,
    RST,
    Seen,
    Talk,
    get,
    inspecting,
    post,
    step,
)

HEAD_S, BODY_S, READ_S, RATE = 30, 20, 60, 500
REASONS = {
    HttpSlow.HEAD: Reason.HTTP_SLOW_HEAD,
    HttpSlow.BODY: Reason.HTTP_SLOW_BODY,
    HttpSlow.READ: Reason.HTTP_SLOW_READ,
}
MARGIN_S = 3
"""All connections are looked at in 2 s."""


@contextmanager
def timed(harness: Harness, mode: Mode = Mode.ENFORCE) -> Iterator[None]:
    def fill(profile: abi.Profile) -> None:
        http = profile.http
        http.head_s, http.body_s, http.read_s = HEAD_S, BODY_S, READ_S
        http.body_rate = http.read_rate = RATE
        for reason in REASONS.values():
            profile.mode[reason] = mode

    with inspecting(harness, HttpCapacities(pool_mib=16), fill=fill):
        yield


def wait(harness: Harness, seconds: float) -> list[Seen]:
    """Time passes; what the node sends meanwhile."""
    out = []
    for _ in range(round(10 * seconds)):
        harness.time.boot_ds += 1
        out += step(harness)
    return out


def slow(harness: Harness) -> dict[HttpSlow, int]:
    """How many connections were reset, by what their clients were too slow with."""
    return {kind: number for kind in HttpSlow if (number := harness.stats.http.slow[kind])}


def assert_both_reset(out: Sequence[Seen], talk: Talk) -> None:
    """One RST to each side, with the number that it expects."""
    to_client, to_host = sorted(out, key=lambda one: one.port)
    assert (to_client.port, to_client.flags, to_client.sequence) == (OUTSIDE, RST, talk.host)
    assert (to_host.port, to_host.flags, to_host.sequence) == (INSIDE, RST, talk.client)


def upload(talk: Talk, size: int) -> None:
    head = post(bytes(1)).replace(b"Content-Length: 1", b"Content-Length: %d" % size)[:-1]
    talk.say(head)
    talk.ack()


def respond(talk: Talk, size: int) -> None:
    """The head of a response."""
    talk.say(get())
    talk.reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
    talk.ack(OUTSIDE)


def probe(talk: Talk, window: int) -> list[Seen]:
    """The host asks whether there is room, and the client answers with a window."""
    out = talk.step(talk.segment(INSIDE, ACK))
    return out + talk.step(talk.pair.tcp(OUTSIDE, ACK, talk.client, talk.host, window=window))


def fill_window(talk: Talk, count: int) -> None:
    """The host sends so much, which closes the client's window."""
    talk.reply(bytes(count))
    talk.step(talk.pair.tcp(OUTSIDE, ACK, talk.client, talk.host, window=0))
