"""Slow clients in each mode, on the allowlist, under another policy, and many at once."""

from __future__ import annotations

import pytest

from dataplane.native.abi import HttpSlow, Mode
from tests.native.connections.connections_support import CLIENT, Pair
from tests.native.harness import Harness
from tests.native.stages.http.slow.slow_support import (
    HEAD_S,
    MARGIN_S,
    READ_S,
    REASONS,
    fill_window,
    probe,
    respond,
    slow,
    timed,
    upload,
    wait,
)
from tests.native.stages.http.stream_support import INSIDE, PSH, Talk, allowing, get, step


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
