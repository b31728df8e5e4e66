"""Segments of a client in any order, repeated, overlapping: what is bad never becomes complete."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest

from dataplane.native.abi import Mode, Reason
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    ACK,
    BAD,
    FIN,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    Seen,
    Talk,
    allowing,
    dropped,
    forget,
    get,
    inspecting,
    monitored,
    ok,
    post,
)

REQUEST = get(b"/?q=" + BAD)
GOOD = get(b"/good")


@pytest.fixture
def talk(harness: Harness) -> Iterator[Talk]:
    with inspecting(harness):
        yield Talk(harness).open()


class Host:
    """What a host has of a client's bytes: the first copy of each, as Linux of what it has."""

    def __init__(self, talk: Talk) -> None:
        self._first, self._bytes = talk.client, {}
        self.is_reset = False

    def take(self, out: list[Seen]) -> None:
        for one in out:
            if one.port is not INSIDE:
                continue
            self.is_reset |= bool(one.flags & RST)
            start = (one.sequence - self._first) % (1 << 32)
            for at, byte in enumerate(one.payload):
                self._bytes.setdefault(start + at, byte)

    @property
    def stream(self) -> bytes:
        """Without a gap from the first on."""
        out = bytearray()
        while len(out) in self._bytes:
            out.append(self._bytes[len(out)])
        return bytes(out)


def is_refused(out: list[Seen]) -> bool:
    """Nothing but the answers leaves."""
    return {one.flags & (FIN | RST) for one in out} == {FIN, RST} and len(out) == 2


@pytest.mark.parametrize("cut", range(1, len(REQUEST)))
def test_cut_at_every_byte_in_both_orders(talk: Talk, cut: int) -> None:
    assert talk.at(cut, REQUEST[cut:])[0].port is INSIDE
    assert is_refused(talk.at(0, REQUEST[:cut]))


def test_the_segment_that_closes_the_gap_is_the_gate(talk: Talk) -> None:
    parts = [(at, REQUEST[at : at + 7]) for at in range(0, len(REQUEST), 7)]
    hole = parts.pop(2)
    random.Random(1).shuffle(parts)
    for at, part in parts:
        assert [one.payload for one in talk.at(at, part)] == [part]
    assert is_refused(talk.at(*hole))


def test_what_lies_ahead_of_a_gap_is_forwarded_at_once(talk: Talk) -> None:
    assert [one.payload for one in talk.at(4, GOOD[4:])] == [GOOD[4:]]
    assert [one.payload for one in talk.at(0, GOOD[:4])] == [GOOD[:4]]


def test_the_same_bytes_may_come_again(harness: Harness, talk: Talk) -> None:
    talk.say(GOOD)
    for start, end in ((0, len(GOOD)), (3, 9), (0, 1), (len(GOOD) - 1, len(GOOD))):
        (one,) = talk.at(start - len(GOOD), GOOD[start:end])
        assert one.port is INSIDE
    assert harness.stats.http.requests == 1


@pytest.mark.parametrize("at", [0, 5, len(GOOD) - 1])
def test_other_bytes_in_their_place_are_refused(harness: Harness, talk: Talk, at: int) -> None:
    talk.say(GOOD)
    other = bytearray(GOOD)
    other[at] ^= 1
    assert talk.at(-len(GOOD), bytes(other)) == []
    assert talk.at(at - len(GOOD), bytes(other[at:])) == []
    assert dropped(harness, Reason.HTTP_RETRANSMISSION) == 2


def test_other_bytes_ahead_of_a_gap_are_refused(harness: Harness, talk: Talk) -> None:
    talk.at(10, b"x" * 20)
    assert talk.at(15, b"y" * 5) == []
    assert talk.at(5, b"y" * 10) == []
    assert talk.at(25, b"y" * 10) == []
    assert len(talk.at(5, b"y" * 5 + b"x" * 10)) == 1
    assert dropped(harness, Reason.HTTP_RETRANSMISSION) == 3


def test_what_the_host_has_acknowledged_may_be_anything(talk: Talk) -> None:
    talk.say(GOOD)
    talk.ack()
    assert len(talk.at(-len(GOOD), b"?" * len(GOOD))) == 1


def test_a_keep_alive_byte_may_be_anything(talk: Talk) -> None:
    """Of the last byte that was acknowledged (RFC 1122, 4.2.3.6), while later ones are kept."""
    talk.say(GOOD)
    talk.ack()
    talk.say(GOOD[:20])
    assert len(talk.at(-21, b"?")) == 1
    assert len(talk.at(-21, b"?" + GOOD[:20])) == 1


def test_a_line_end_behind_a_body_takes_no_room(harness: Harness, talk: Talk) -> None:
    talk.exchange(post(b"a=b") + b"\r\n", ok())
    assert harness.stats.http.pool_used == 0
    talk.exchange(GOOD, ok())
    talk.exchange(GOOD + b"\r\n", ok())
    assert is_refused(talk.say(b"\r\n" + GOOD))
    assert dropped(harness, Reason.HTTP_LEADING) == 1


def test_who_is_on_the_allowlist_is_not_judged(harness: Harness, talk: Talk) -> None:
    with allowing(harness):
        assert len(talk.say(REQUEST)) == 1
        assert len(talk.at(-len(REQUEST), b"?" * len(REQUEST))) == 1
        talk.reply(ok())
    assert is_refused(talk.say(REQUEST))


def test_monitored_other_bytes_pass(harness: Harness, talk: Talk) -> None:
    harness.set_mode(Reason.HTTP_RETRANSMISSION, Mode.MONITOR)
    talk.say(GOOD)
    assert len(talk.at(-len(GOOD), b"?" * len(GOOD))) == 1
    assert monitored(harness, Reason.HTTP_RETRANSMISSION) == 1


def test_a_repeated_segment_that_brings_something_new_is_inspected(talk: Talk) -> None:
    talk.say(REQUEST[:10])
    assert is_refused(talk.at(-10, REQUEST))


def test_the_second_of_two_requests_in_one_segment_is_inspected(talk: Talk) -> None:
    out = talk.say(GOOD + REQUEST)
    assert sorted((one.port, one.flags) for one in out) == [(OUTSIDE, RST), (INSIDE, RST)]


@pytest.mark.parametrize("flags", [0, FIN])
def test_the_answer_acknowledges_all_that_has_come(talk: Talk, flags: int) -> None:
    talk.at(10, REQUEST[10:], flags)
    page = min(talk.at(0, REQUEST[:10]), key=lambda one: one.port)
    assert page.acknowledgment == (talk.client + len(REQUEST) + flags) % (1 << 32)


def test_a_wrong_checksum_is_not_taken(harness: Harness, talk: Talk) -> None:
    wrong = talk.segment(OUTSIDE, ACK | PSH, b"x" * len(GOOD), is_right=False)
    assert talk.step(wrong) == []
    assert dropped(harness, Reason.HTTP_CHECKSUM) == 1
    talk.exchange(GOOD, ok())


def test_urgent_data_is_refused(harness: Harness, talk: Talk) -> None:
    urgent = talk.segment(OUTSIDE, ACK | PSH | 32, GOOD)
    assert talk.step(urgent) == []
    assert dropped(harness, Reason.HTTP_URGENT) == 1
    harness.set_mode(Reason.HTTP_URGENT, Mode.OFF)
    assert len(talk.step(urgent)) == 1


def test_what_the_host_has_no_window_for_is_refused(harness: Harness, talk: Talk) -> None:
    harness.set_mode(Reason.OUT_OF_WINDOW, Mode.OFF)
    assert talk.at(65536, b"x") == []
    assert dropped(harness, Reason.HTTP_SEQUENCE) == 1
    assert len(talk.at(65535, b"x")) == 1
    harness.set_mode(Reason.HTTP_SEQUENCE, Mode.MONITOR)
    assert len(talk.at(1 << 31, b"x")) == 1
    assert monitored(harness, Reason.HTTP_SEQUENCE) == 1


@pytest.mark.parametrize("distance", [1, 2, 64, 1459, 1460, 65535])
def test_bytes_of_half_the_space_ago_are_compared_with_nothing(
    harness: Harness, talk: Talk, distance: int
) -> None:
    """What is kept at the end of the window is 2^31 numbers ahead of them: before or behind?"""
    harness.set_mode(Reason.OUT_OF_WINDOW, Mode.OFF)
    kept = b"x" * 1460
    assert len(talk.at(65535, kept)) == 1
    assert len(talk.at(65535 - (1 << 31) + distance, b"y")) == 1
    assert talk.at(65535, b"y") == []
    assert dropped(harness, Reason.HTTP_RETRANSMISSION) == 1


def test_more_gaps_than_are_kept_are_not_forwarded(harness: Harness, talk: Talk) -> None:
    for number in range(16):
        assert len(talk.at(10 + 2 * number, b"x")) == 1
    assert talk.at(100, b"x") == []
    assert dropped(harness, Reason.HTTP_POOL) == 1
    assert len(talk.at(11, b"y")) == 1
    assert len(talk.at(100, b"x")) == 1


def test_a_fin_in_the_midst_changes_nothing(talk: Talk) -> None:
    assert len(talk.say(REQUEST[:20], FIN)) == 1
    assert len(talk.at(-1, REQUEST[20:])) == 2


def test_a_reset_of_the_client_passes_and_inspection_goes_on(talk: Talk) -> None:
    assert len(talk.at(0, b"", RST)) == 1
    assert is_refused(talk.say(REQUEST))


def cuts(rng: random.Random, stream: bytes) -> list[tuple[int, bytes]]:
    """A stream in pieces that overlap, some twice, out of order."""
    edges = sorted({0, len(stream), *(rng.randrange(len(stream)) for _ in range(rng.randrange(9)))})
    out = []
    for start, end in itertools.pairwise(edges):
        first = max(0, start - rng.choice((0, 0, 1, 5)))
        last = min(len(stream), end + rng.choice((0, 0, 1, 5)))
        out += [(first, stream[first:last])] * rng.choice((1, 1, 2))
    if rng.random() < 0.5:
        rng.shuffle(out)
    return out


@pytest.mark.parametrize("seed", range(150))
def test_however_it_is_sent(harness: Harness, seed: int) -> None:
    """Good requests arrive as they are, in whatever pieces; a bad one is never complete."""
    rng = random.Random(seed)
    streams = [GOOD, get(b"/2", b"Cookie: a=b"), post(b"a=1&b=2" * rng.randrange(1, 20))]
    rng.shuffle(streams)
    good = b"".join(streams)
    with inspecting(harness):
        talk = Talk(harness).open()
        host = Host(talk)
        for at, part in cuts(rng, good):
            host.take(talk.at(at, part))
        assert host.stream == good
        assert harness.stats.http.requests == 3
        talk.client = (talk.client + len(good)) % (1 << 32)
        if rng.random() < 0.5:
            talk.ack()
            assert harness.stats.http.pool_used == 0
        bad = rng.choice((REQUEST, post(b"x=" + BAD), get(b"/", b"X: " + BAD)))
        host = Host(talk)
        for at, part in cuts(rng, bad):
            host.take(talk.at(at, part))
        assert host.is_reset
        assert len(host.stream) < len(bad)
        forget(harness)
        assert (harness.stats.http.connections, harness.stats.http.pool_used) == (0, 0)


@pytest.mark.parametrize("seed", range(60))
def test_however_it_is_forged(harness: Harness, seed: int) -> None:
    """Pieces of a bad request and of a good one of the same length, mixed: the host never has the
    bad one, whichever copy of a byte it keeps."""
    rng = random.Random(seed)
    good = REQUEST.replace(BAD, b"benign")
    with inspecting(harness):
        talk = Talk(harness).open()
        first, last = Host(talk), Host(talk)
        pieces = cuts(rng, good) + cuts(rng, REQUEST)
        rng.shuffle(pieces)
        passed = []
        for at, part in pieces:
            out = talk.at(at, part)
            passed += out
            if any(one.flags & RST for one in out):
                break
        first.take(passed)
        last.take(passed[::-1])
        assert REQUEST not in (first.stream, last.stream)
