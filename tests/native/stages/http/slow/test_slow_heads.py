"""Slow heads: a head that is not completed in time ends its connection; idle connections live."""

from __future__ import annotations

import pytest

from dataplane.native.abi import HttpSlow, Mode, Reason
from tests.native.connections.connections_support import PAIRS
from tests.native.harness import Harness
from tests.native.stages.http.slow.slow_support import (
    HEAD_S,
    MARGIN_S,
    assert_both_reset,
    slow,
    timed,
    wait,
)
from tests.native.stages.http.stream_support import ISN, MODULUS, OUTSIDE, RST, Seen, Talk, get, ok


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
