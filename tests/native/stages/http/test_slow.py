"""Slow clients: what they hold open ends in time, and honest ones live however slow they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from dataplane.base.settings import HttpCapacities
from dataplane.native import abi
from dataplane.native.abi import HttpSlow, Mode, Reason
from tests.native.connections.connections_support import CLIENT, PAIRS, Pair
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    ACK,
    INSIDE,
    ISN,
    MODULUS,
    OUTSIDE,
    PSH,
    RST,
    Seen,
    Talk,
    allowing,
    get,
    inspecting,
    ok,
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


@pytest.fixture
def talk(harness: Harness) -> Iterator[Talk]:
    with timed(harness):
        yield Talk(harness).open()


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


# --- heads ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", PAIRS)
def test_a_head_that_is_not_completed_ends_the_connection(harness: Harness, kind: str) -> None:
    with timed(harness):
        talk = Talk(harness, PAIRS[kind]).open()
        talk.say(get()[:20])
        talk.ack()
        assert wait(harness, HEAD_S - 1) == []
        assert_both_reset(wait(harness, MARGIN_S), talk)
        assert slow(harness) == {HttpSlow.HEAD: 1}
        assert harness.stats.http.pool_used == 0
        assert harness.stats.profile[0].count[Reason.HTTP_SLOW_HEAD][Mode.ENFORCE] == 1
        (again,) = talk.say(b"X")
        assert (again.port, again.flags) == (OUTSIDE, RST)


def test_a_byte_now_and_then_does_not_help(harness: Harness, talk: Talk) -> None:
    out: list[Seen] = []
    for byte in get(b"/" + b"a" * 100):
        out = wait(harness, 1)
        if out:
            break
        talk.say(bytes([byte]))
        talk.ack()
    assert_both_reset(out, talk)
    assert HEAD_S <= (talk.client - ISN - 1) % MODULUS <= HEAD_S + MARGIN_S


def test_bytes_behind_a_gap_are_no_way_to_stay(harness: Harness, talk: Talk) -> None:
    talk.at(10, b"xxxx")
    assert wait(harness, HEAD_S - 1) == []
    assert len(wait(harness, MARGIN_S)) == 2
    assert slow(harness) == {HttpSlow.HEAD: 1}


def test_each_request_has_its_own_time(harness: Harness, talk: Talk) -> None:
    for _ in range(4):
        request = get()
        talk.say(request[:20])
        assert wait(harness, HEAD_S - 2) == []
        talk.exchange(request[20:], ok())
    # The next one begins in the segment that completes the one before.
    talk.say(get() + get()[:20])
    talk.ack()
    assert wait(harness, HEAD_S - 1) == []
    assert len(wait(harness, MARGIN_S)) == 2


def test_an_idle_connection_lives(harness: Harness, talk: Talk) -> None:
    assert wait(harness, 2 * HEAD_S) == []
    talk.exchange(get(), ok())
    assert wait(harness, 2 * HEAD_S) == []
    talk.say(b"\r\n")  # behind a body, as old clients do
    talk.ack()
    assert wait(harness, 2 * HEAD_S) == []
    talk.exchange(get(), ok())


# --- bodies -----------------------------------------------------------------------------------


def upload(talk: Talk, size: int) -> None:
    head = post(bytes(1)).replace(b"Content-Length: 1", b"Content-Length: %d" % size)[:-1]
    talk.say(head)
    talk.ack()


def test_a_body_that_stops_ends_the_connection(harness: Harness, talk: Talk) -> None:
    upload(talk, 1000)
    talk.say(bytes(100))
    talk.ack()
    assert wait(harness, BODY_S - 1) == []
    assert_both_reset(wait(harness, MARGIN_S), talk)
    assert slow(harness) == {HttpSlow.BODY: 1}


@pytest.mark.parametrize("size", [60_000, 10_000_000], ids=["inspected", "rest"])
def test_a_slow_upload_lives_and_a_slower_one_does_not(
    harness: Harness, talk: Talk, size: int
) -> None:
    upload(talk, size)
    for _ in range(25):  # 2 kB/s
        assert wait(harness, 1) == []
        talk.say(bytes(2000))
        talk.ack()
    out: list[Seen] = []
    for _ in range(60):  # 200 bytes/s
        out += wait(harness, 1)
        if out:
            break
        talk.say(bytes(200))
        talk.ack()
    assert_both_reset(out, talk)


def test_what_was_sent_fast_is_no_credit(harness: Harness, talk: Talk) -> None:
    upload(talk, 10_000_000)
    for _ in range(100):
        talk.say(bytes(1400))
        talk.ack()
    assert len(wait(harness, BODY_S + MARGIN_S)) == 2


def test_a_client_waits_for_100_continue_as_long_as_it_takes(harness: Harness, talk: Talk) -> None:
    head = post(b"x" * 8, b"/", b"Expect: 100-continue")[:-8]
    talk.say(head)
    talk.ack()
    assert wait(harness, 3 * BODY_S) == []
    talk.reply(b"HTTP/1.1 100 Continue\r\n\r\n")
    talk.ack(OUTSIDE)
    assert wait(harness, BODY_S - 2) == []
    talk.say(b"x" * 8)
    talk.reply(ok())
    talk.ack(OUTSIDE)
    assert wait(harness, 3 * BODY_S) == []


def test_who_has_its_100_and_sends_nothing_is_slow(harness: Harness, talk: Talk) -> None:
    talk.say(post(b"x" * 8, b"/", b"Expect: 100-continue")[:-8])
    talk.reply(b"HTTP/1.1 100 Continue\r\n\r\n")
    talk.ack(OUTSIDE)
    assert len(wait(harness, BODY_S + MARGIN_S)) == 2
    assert slow(harness) == {HttpSlow.BODY: 1}


def test_a_host_that_reads_slowly_is_not_its_client_s_fault(harness: Harness, talk: Talk) -> None:
    upload(talk, 1_000_000)
    # Its window is used up: 65,535 bytes from the last acknowledgment on.
    for _ in range(65535 // 1300):
        talk.say(bytes(1300))
    closed = talk.pair.tcp(INSIDE, ACK, talk.host, talk.client, window=0)
    talk.step(closed)
    assert wait(harness, 3 * BODY_S) == []
    talk.ack()
    assert len(wait(harness, BODY_S + MARGIN_S)) == 2


# --- responses --------------------------------------------------------------------------------


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


def test_a_response_that_is_not_read_ends_the_connection(harness: Harness, talk: Talk) -> None:
    respond(talk, 100_000)
    for _ in range(65535 // 1300):
        talk.reply(bytes(1300))
    fill_window(talk, 65535 % 1300)
    wait(harness, READ_S - 1)
    assert len(probe(talk, 0)) == 2
    wait(harness, 2)
    out = probe(talk, 0)
    assert {(one.port, one.flags) for one in out} == {(OUTSIDE, RST), (INSIDE, RST)}
    assert slow(harness) == {HttpSlow.READ: 1}


def test_what_is_not_acknowledged_ends_the_connection(harness: Harness, talk: Talk) -> None:
    respond(talk, 100_000)
    for _ in range(5):
        talk.reply(bytes(1300))
    wait(harness, READ_S - 1)
    assert len(talk.ack(INSIDE)) == 1
    wait(harness, 2)
    assert len(talk.ack(INSIDE)) == 2
    assert slow(harness) == {HttpSlow.READ: 1}


@pytest.mark.parametrize(("size", "lives"), [(20_000, True), (1000, False), (60, False)])
def test_a_slow_reader_lives_and_a_slower_one_does_not(
    harness: Harness, talk: Talk, size: int, lives: bool
) -> None:
    """The window opens by so much every ten seconds."""
    respond(talk, 10_000_000)
    for _ in range(65535 // 1300):
        talk.reply(bytes(1300))
    fill_window(talk, 65535 % 1300)
    for _ in range(READ_S // 2):
        wait(harness, 10)
        probe(talk, size)
        if harness.stats.http.slow[HttpSlow.READ]:
            break
        for sent in range(0, size, 1300):
            talk.reply(bytes(min(1300, size - sent)))
        probe(talk, 0)
    assert (slow(harness) == {}) == lives


def test_events_that_follow_one_another_faster_than_they_are_acknowledged_live(
    harness: Harness, talk: Talk
) -> None:
    """30 bytes twice a second, of which the last two are always under way."""
    respond(talk, 10_000_000)
    for _ in range(6 * READ_S):
        wait(harness, 0.5)
        talk.reply(bytes(30))
        talk.step(talk.segment(OUTSIDE, ACK, acknowledged=talk.host - 60))
    assert slow(harness) == {}


def test_the_next_response_has_all_of_its_time(harness: Harness, talk: Talk) -> None:
    for _ in range(3):
        respond(talk, 65535)
        for _ in range(50):
            talk.reply(bytes(1300))
        fill_window(talk, 0)
        wait(harness, READ_S - 5)
        assert len(probe(talk, 65535)) == 2
        talk.reply(bytes(65535 - 50 * 1300))
        talk.ack(OUTSIDE)
    assert slow(harness) == {}


def test_server_sent_events_and_long_polls_live(harness: Harness, talk: Talk) -> None:
    talk.say(get(b"/poll"))
    talk.ack()
    wait(harness, 5 * READ_S)
    talk.reply(ok())
    talk.ack(OUTSIDE)
    talk.say(get(b"/events"))
    talk.reply(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
    talk.ack(OUTSIDE)
    for _ in range(6):
        wait(harness, READ_S)
        assert len(talk.reply(b"data: x\n\n")) == 1
        wait(harness, 1)
        assert len(talk.ack(OUTSIDE)) == 1
    assert slow(harness) == {}


def test_a_websocket_lives(harness: Harness, talk: Talk) -> None:
    lines = b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13"
    talk.say(get(b"/ws", *lines, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="))
    talk.reply(
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    )
    talk.say(b"\x81")
    talk.reply(bytes(1400))
    wait(harness, 3 * READ_S)
    assert len(talk.say(b"\x01")) == 1
    assert slow(harness) == {}


# --- modes and bounds -------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [Mode.MONITOR, Mode.OFF])
def test_in_monitor_it_is_counted_once_in_that_time(harness: Harness, mode: Mode) -> None:
    with timed(harness, mode):
        head, body, reading = (
            Talk(harness, Pair(client_port=port)).open() for port in (2001, 2002, 2003)
        )
        head.say(get()[:20])
        upload(body, 1000)
        respond(reading, 10_000)
        for _ in range(4):
            reading.reply(bytes(1300))
        for _ in range(READ_S // 2 + 1):
            assert wait(harness, 2) == []
            assert len(reading.ack(INSIDE)) == 1
        counts = [
            harness.stats.profile[0].count[reason][Mode.MONITOR] for reason in REASONS.values()
        ]
        assert counts == ([2, 3, 1] if mode is Mode.MONITOR else [0, 0, 0])
        assert (slow(harness), harness.stats.http.resets) == ({}, 0)


def test_a_node_that_sends_nothing_only_counts(harness: Harness, talk: Talk) -> None:
    talk.say(get()[:20])
    harness.lcore.outbox = 0
    for _ in range(10 * (HEAD_S + MARGIN_S)):
        harness.time.boot_ds += 1
        harness.run(())
    assert slow(harness) == {HttpSlow.HEAD: 1}


def test_a_sweep_looks_at_a_few_at_a_time(harness: Harness) -> None:
    with timed(harness):
        for number in range(40):
            Talk(harness, Pair(client=CLIENT + number)).open().say(get()[:20])
        harness.time.boot_ds += 10 * (HEAD_S + MARGIN_S)
        ended = [len(step(harness)) // 2 for _ in range(6)]
        assert ended == [8, 8, 8, 8, 8, 0]
        assert slow(harness) == {HttpSlow.HEAD: 40}


def test_who_is_on_the_allowlist_may_be_as_slow_as_he_likes(harness: Harness, talk: Talk) -> None:
    with allowing(harness):
        respond(talk, 100_000)
        for _ in range(65535 // 1300):
            talk.reply(bytes(1300))
        fill_window(talk, 65535 % 1300)
        talk.say(get()[:20])
        for _ in range(3):
            wait(harness, READ_S)
            assert len(talk.ack(INSIDE)) == 1
            assert len(probe(talk, 0)) == 2
        assert slow(harness) == {}


def test_another_policy_s_times_are_those_that_count(harness: Harness, talk: Talk) -> None:
    talk.say(get()[:20])
    harness.policy.profile(0).http.head_s = 0
    assert wait(harness, 2 * HEAD_S) == []
    assert talk.say(b"x", PSH)[0].port is INSIDE


def test_the_client_is_reset_with_its_own_number_whatever_the_host_has_sent(
    harness: Harness, talk: Talk
) -> None:
    """A probe is of a number that the client has: its RST would be one that nobody heeds."""
    respond(talk, 100_000)
    for _ in range(5):
        talk.reply(bytes(1300))
    wait(harness, READ_S + 1)
    out = talk.step(talk.segment(INSIDE, ACK, offset=-6501))
    assert [(one.flags, one.sequence) for one in out if one.port is OUTSIDE] == [
        (RST, talk.host - 6500)
    ]
