"""Slow bodies: a body below the rate ends its connection, unless its host reads slowly."""

from __future__ import annotations

import pytest

from dataplane.native.abi import HttpSlow
from tests.native.harness import Harness
from tests.native.stages.http.slow.slow_support import (
    BODY_S,
    MARGIN_S,
    assert_both_reset,
    slow,
    upload,
    wait,
)
from tests.native.stages.http.stream_support import ACK, INSIDE, OUTSIDE, Seen, Talk, ok, post


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
