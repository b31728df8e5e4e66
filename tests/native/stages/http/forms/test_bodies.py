"""Bodies: how far they are inspected, and what passes without being looked at."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from dataplane.base.settings import HttpCapacities
from dataplane.native.abi import (
    HTTP_BODY_LIMIT_MAX,
    HttpUninspected,
    Mode,
    Profile,
    Reason,
    Verdict,
)
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    ACK,
    FIN,
    INSIDE,
    OUTSIDE,
    RST,
    Talk,
    dropped,
    get,
    inspecting,
    ok,
    post,
)

LIMIT = 1000
BAD = b"attack"
MSS = 1400


def small(profile: Profile) -> None:
    profile.http.body_limit = LIMIT


def none(profile: Profile) -> None:
    profile.http.body_limit = 0


@pytest.fixture
def talk(harness: Harness) -> Iterator[Talk]:
    with inspecting(harness, HttpCapacities(64), fill=small):
        yield Talk(harness).open()


def send(talk: Talk, stream: bytes, size: int = MSS) -> int:
    """All of it, in order, each segment acknowledged; how many segments passed."""
    passed = 0
    for at in range(0, len(stream), size):
        out = talk.say(stream[at : at + size])
        if any(one.flags & RST for one in out):
            return passed
        passed += 1
        talk.ack()
    return passed


def test_of_a_bad_body_the_last_segment_is_withheld(harness: Harness, talk: Talk) -> None:
    request = post(b"a" * 400 + BAD + b"b" * 400)
    assert send(talk, request, 100) == (len(request) - 1) // 100
    assert dropped(harness, Reason.WAF_RULE) == 1


def test_of_a_longer_one_the_segment_that_reaches_the_limit(talk: Talk) -> None:
    request = post(BAD + b"b" * 3000)
    head = request.index(b"\r\n\r\n") + 4
    assert send(talk, request, 100) == (head + LIMIT - 1) // 100


def test_behind_the_limit_it_passes(harness: Harness, talk: Talk) -> None:
    request = post(b"b" * 3000 + BAD)
    assert send(talk, request) == -(-len(request) // MSS)
    assert harness.stats.http.not_inspected[HttpUninspected.BODY_REST] == 1
    talk.reply(ok())
    assert harness.stats.http.pool_used == 0


def test_a_body_just_beyond_the_largest_limit_lacks_no_end(harness: Harness) -> None:
    """The segment that reaches the limit completes it: as much is inspected as there is room."""

    def largest(profile: Profile) -> None:
        profile.http.body_limit = HTTP_BODY_LIMIT_MAX

    kind = b"Content-Type: multipart/form-data; boundary=x"
    part = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n%s\r\n--x--\r\n'
    request = post(part % (b"a" * (HTTP_BODY_LIMIT_MAX - 20)), b"/", kind)
    with inspecting(harness, HttpCapacities(64), fill=largest):
        talk = Talk(harness).open()
        segments = -(-len(request) // MSS)
        assert send(talk, request) == segments
        assert harness.stats.http.not_inspected[HttpUninspected.BODY_REST] == 1


def test_without_a_limit_no_body_is_inspected(harness: Harness) -> None:
    with inspecting(harness, HttpCapacities(64), fill=none):
        talk = Talk(harness).open()
        assert len(talk.say(post(BAD))) == 1
        talk.reply(ok())
        assert len(talk.say(get(b"/attack"))) == 2


BIG = 500_000


def big(talk: Talk) -> bytes:
    """The head of a large upload, and as much of its body as is inspected, have passed."""
    request = post(b"x" * BIG)
    first = request[: request.index(b"\r\n\r\n") + 4 + LIMIT]
    assert send(talk, first) > 0
    return request[len(first) :]


def test_a_large_body_costs_no_memory(harness: Harness, talk: Talk) -> None:
    rest = big(talk)
    assert harness.stats.http.pool_used <= 4096
    assert send(talk, rest[:100_000]) == -(-100_000 // MSS)
    assert harness.stats.http.pool_used <= 4096
    assert send(talk, rest[100_000:]) > 0
    talk.reply(ok())
    assert (harness.stats.http.pool_used, harness.stats.http.responses[2]) == (0, 1)


def test_in_its_midst_nothing_is_looked_at(talk: Talk) -> None:
    big(talk)
    for offset in (20_000, 1000, 1000, 40_000, 0):
        assert len(talk.at(offset, b"whatever")) == 1
    wrong = talk.segment(OUTSIDE, ACK, b"bad checksum", is_right=False)
    assert talk.harness.run_one(wrong).verdict == Verdict.PASS


@pytest.mark.parametrize("overlap", [1, 2, 7, 1000])
def test_the_request_behind_it_is_inspected(talk: Talk, overlap: int) -> None:
    rest = big(talk)
    send(talk, rest[:-overlap])
    out = talk.say(rest[-overlap:] + get(b"/attack"))
    assert {one.flags & RST for one in out} == {RST}


def test_the_request_behind_it_may_come_first(talk: Talk) -> None:
    rest = big(talk)
    send(talk, rest[:-3000])
    bad = get(b"/attack")
    assert len(talk.at(3000, bad)) == 1
    assert len(talk.at(0, rest[-3000:-1000])) == 1
    out = talk.at(2000, rest[-1000:])
    assert {one.flags & RST for one in out} == {RST}


def test_what_lies_before_it_must_stay_as_it_was(harness: Harness, talk: Talk) -> None:
    """The inspected part is not acknowledged yet when the rest is on its way."""
    request = post(b"x" * BIG)
    head = request.index(b"\r\n\r\n") + 4
    assert len(talk.at(0, request[: head + LIMIT])) == 1
    assert len(talk.at(head + LIMIT, request[head + LIMIT : head + LIMIT + 5000])) == 1
    other = bytearray(request[: head + LIMIT])
    other[head + 10] ^= 1
    assert talk.at(0, bytes(other)) == []
    assert dropped(harness, Reason.HTTP_RETRANSMISSION) == 1
    assert len(talk.at(0, request[: head + LIMIT])) == 1


def chunked(body: bytes, size: int) -> bytes:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    for at in range(0, len(body), size):
        part = body[at : at + size]
        head += b"%x\r\n" % len(part) + part + b"\r\n"
    return head + b"0\r\n\r\n"


@pytest.mark.parametrize("size", [7, 1000, 8000, 100_000])
def test_chunks_are_followed_to_their_end(harness: Harness, talk: Talk, size: int) -> None:
    request = chunked(b"y" * 200_000, size)
    assert send(talk, request) == -(-len(request) // MSS)
    talk.reply(ok())
    assert harness.stats.http.pool_used == 0
    out = talk.say(get(b"/attack"))
    assert {one.flags & FIN for one in out} >= {FIN}


@pytest.mark.parametrize("size", [3, 100])
def test_what_chunks_hide_is_found(talk: Talk, size: int) -> None:
    out = talk.say(chunked(b"aaaa" + BAD + b"bbbb", size))
    assert {one.flags & RST for one in out} == {0, RST}


def test_bodies_in_flight_are_bounded(harness: Harness) -> None:
    """Chunks are kept until they are acknowledged: no more than a block has room for."""
    harness.set_mode(Reason.OUT_OF_WINDOW, 0)
    with inspecting(harness, HttpCapacities(64), fill=small):
        talk = Talk(harness).open()
        request = chunked(b"y" * 3_000_000, 1000)
        harness.set_mode(Reason.HTTP_SEQUENCE, 0)
        passed = 0
        for at in range(0, 60_000, MSS):
            passed += len(talk.at(at, request[at : at + MSS]))
        assert passed == -(-60_000 // MSS)
        assert harness.stats.http.pool_used <= 1 << 17


@pytest.mark.parametrize("seed", range(60))
def test_uploads_in_any_order_keep_their_end(harness: Harness, seed: int) -> None:
    """Segments of a window are shuffled; the bad request behind the body is never let through."""
    rng = random.Random(seed)
    size = rng.choice((2000, 30_000, 70_000, 200_000))
    body = bytes(rng.randrange(97, 122) for _ in range(1000)) * (size // 1000)
    good = post(body) if rng.random() < 0.5 else chunked(body, rng.choice((50, 5000, 80_000)))
    with inspecting(harness, HttpCapacities(64), fill=small):
        talk = Talk(harness).open()
        stream, got = good + get(b"/attack"), set[int]()
        at, blocked = 0, False
        while at < len(stream) and not blocked:
            window = min(len(stream) - at, rng.choice((1400, 10_000, 40_000)))
            cut = [(at + n, min(at + n + MSS, at + window)) for n in range(0, window, MSS)]
            rng.shuffle(cut)
            for start, end in cut:
                out = talk.at(start - at, stream[start:end])
                blocked |= any(one.flags & RST for one in out)
                got |= {end for one in out if one.payload and one.port is INSIDE}
            at += window
            talk.client = (talk.client + window) % (1 << 32)
            if not blocked:
                talk.ack()
        assert blocked
        assert max(got) <= len(stream)
        assert harness.stats.http.requests == 2
        assert harness.stats.http.blocked == 1


@pytest.mark.parametrize("size", [5_000_000_000, (1 << 32) + 77, (1 << 31) - 1])
def test_bodies_are_longer_than_numbers_reach(harness: Harness, size: int) -> None:
    """Seen is what lies before and behind what is passed over at a time, as far as numbers can be
    compared; a fragment has made the connection one without windows."""
    harness.set_mode(Reason.HTTP_FRAGMENT, Mode.OFF)
    with inspecting(harness, HttpCapacities(64), fill=small):
        talk = Talk(harness).open()
        whole = talk.segment(OUTSIDE, ACK, b"")
        harness.run_one(talk.pair.ip(OUTSIDE, 6, whole.data[34:], fragment=0x2000))
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
        assert len(talk.say(head + b"x" * LIMIT)) == 1
        talk.ack()
        at, passes_to = LIMIT, LIMIT
        while passes_to < size - 1:
            passes_to = min(passes_to + (1 << 30), size - 1)
            talk.client = (talk.client + passes_to - 50 - at) % (1 << 32)
            talk.ack()
            beyond = 10 if passes_to < size - 1 else 0
            assert len(talk.say(b"y" * (50 + beyond))) == 1
            at = passes_to + beyond
        out = talk.say(b"z" + get(b"/attack"))
        assert {one.flags & RST for one in out} == {RST}
        assert harness.stats.http.requests == 2
