"""The walk: one connection is followed, a good request passes, a bad one is withheld."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from dataplane.native.abi import Mode, PacketFlag, Reason, WafAction
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


@pytest.fixture
def talk(harness: Harness) -> Iterator[Talk]:
    with inspecting(harness):
        yield Talk(harness).open()


def test_a_request_and_its_response_pass(harness: Harness, talk: Talk) -> None:
    for _ in range(3):
        talk.exchange(get(), ok())
    http = harness.stats.http
    assert (http.connections, http.requests, http.blocked, http.responses[2]) == (1, 3, 0, 3)
    assert http.pool_used == 0


def test_a_request_in_several_segments_passes(harness: Harness, talk: Talk) -> None:
    request = get(b"/" + b"a" * 3000)
    for at in range(0, len(request), 500):
        assert [one.payload for one in talk.say(request[at : at + 500])] == [request[at : at + 500]]
    assert harness.stats.http.requests == 1
    talk.reply(ok())
    assert harness.stats.http.pool_used == 0


def test_a_bad_request_is_withheld_and_answered(harness: Harness, talk: Talk) -> None:
    talk.exchange(get(), ok())
    client, host = talk.client, talk.host
    request = get(b"/?q=attack")
    out = talk.say(request)
    assert len(out) == 2
    page, reset = sorted(out, key=lambda one: one.port)
    assert (page.port, page.sequence, page.flags & FIN) == (OUTSIDE, host, FIN)
    assert page.acknowledgment == (client + len(request)) % (1 << 32)
    head, body = page.payload.split(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"Cache-Control: no-store" in head
    assert int(re.search(rb"Content-Length: (\d+)", head)[1]) == len(body)
    assert re.search(rb"X-Request-Id: ([0-9a-f]{16})\r\n", head)[1] in body
    assert (reset.port, reset.sequence, reset.flags) == (INSIDE, client, RST)
    assert dropped(harness, Reason.WAF_RULE) == harness.stats.http.blocked == 1
    assert harness.stats.rule_hits[0] == 1


def test_of_a_bad_request_in_segments_the_last_is_withheld(harness: Harness, talk: Talk) -> None:
    request = get(b"/?q=attack")
    for at in range(len(request) - 1):
        (one,) = talk.say(request[at : at + 1])
        assert one.port is INSIDE
    client = talk.client
    out = sorted(talk.say(request[-1:]), key=lambda one: one.port)
    assert [one.port for one in out] == [OUTSIDE, INSIDE]
    assert out[1].sequence == client


def test_the_page_is_sent_again_until_it_is_there(harness: Harness, talk: Talk) -> None:
    request = get(b"/?q=attack")
    page = min(talk.say(request), key=lambda one: one.port)
    again = talk.at(-len(request), request)
    assert [(one.port, one.payload, one.sequence) for one in again] == [
        (OUTSIDE, page.payload, page.sequence)
    ]
    talk.host += len(page.payload) + 1
    assert talk.ack(OUTSIDE) == []
    (one,) = talk.say(b"", FIN)
    assert (one.port, one.flags, one.payload) == (OUTSIDE, ACK, b"")
    assert one.acknowledgment == talk.client


def test_the_host_s_challenge_is_answered(harness: Harness, talk: Talk) -> None:
    talk.say(get(b"/?q=attack"))
    challenge = talk.segment(INSIDE, ACK, acknowledged=1234)
    (one,) = talk.step(challenge)
    assert (one.port, one.flags, one.sequence) == (INSIDE, RST, 1234)


def test_requests_and_response_times_are_told(harness: Harness, talk: Talk) -> None:
    packet = harness.run_one(talk.segment(OUTSIDE, ACK, get() * 3))
    assert packet.flags & PacketFlag.REQUEST
    assert packet.requests == 3
    talk.client = (talk.client + 3 * len(get())) % (1 << 32)
    talk.reply(ok() * 3)
    talk.ack(OUTSIDE)
    assert harness.stats.response_time.count == 0
    talk.say(get())
    harness.time.tsc += 50_000_000
    talk.reply(ok())
    assert harness.stats.response_time.count == 1
    assert harness.stats.response_time.sum_ns == pytest.approx(50_000_000, abs=8192)


def test_a_part_of_a_request_is_none(harness: Harness, talk: Talk) -> None:
    packet = harness.run_one(talk.segment(OUTSIDE, ACK, get()[:-1]))
    assert not packet.flags & PacketFlag.REQUEST


def test_a_rule_whose_group_is_watched_blocks_nothing(harness: Harness, talk: Talk) -> None:
    harness.policy.profile(0).waf_monitor[0] = 1  # of the rules that have no group
    assert len(talk.say(post(b"attack", b"/attack"))) == 1
    evidence = harness.stats.evidence[0]
    assert (evidence.action, evidence.mode) == (WafAction.BLOCK, Mode.MONITOR)
    assert evidence.incident == 0
    counted = harness.stats.profile[0].count[Reason.WAF_RULE]
    assert [*counted] == [0, 1, 0]
    assert [*harness.stats.rule_group[0]] == [0, 1, 0]


def test_requests_are_counted_by_what_became_of_them(harness: Harness, talk: Talk) -> None:
    talk.say(get(b"/?q=attack"))
    assert [*harness.stats.rule_group[0]] == [0, 0, 1]


def test_a_rule_that_head_and_body_match_is_hit_once(harness: Harness, talk: Talk) -> None:
    harness.set_mode(Reason.WAF_RULE, Mode.MONITOR)
    assert len(talk.say(post(b"attack", b"/attack"))) == 1
    assert harness.stats.rule_hits[0] == 1
