"""Slow readers: a response that is not read ends its connection; streams and polls live."""

from __future__ import annotations

import pytest

from dataplane.native.abi import HttpSlow
from tests.native.harness import Harness
from tests.native.stages.http.slow.slow_support import (
    READ_S,
    fill_window,
    probe,
    respond,
    slow,
    wait,
)
from tests.native.stages.http.stream_support import ACK, INSIDE, OUTSIDE, RST, Talk, get, ok


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
