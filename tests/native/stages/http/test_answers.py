"""What a client and a host are told whose connection was refused; and when nobody may be told."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator

import pytest

from dataplane.native.abi import Mode, Origin, Reason
from tests.native.connections.connections_support import PAIRS
from tests.native.harness import Harness
from tests.native.stages.http.stream_support import (
    ACK,
    FIN,
    INSIDE,
    OUTSIDE,
    PSH,
    RST,
    SYN,
    Seen,
    Talk,
    dropped,
    get,
    inspecting,
    monitored,
    ok,
    post,
)

BAD = get(b"/?q=attack")


@pytest.fixture
def talk(harness: Harness) -> Iterator[Talk]:
    with inspecting(harness):
        yield Talk(harness).open()


def told(out: list[Seen]) -> tuple[int, int]:
    """Flags of what the client was sent, and of what the host was."""
    client, host = sorted(out, key=lambda one: one.port)
    assert (client.port, host.port) == (OUTSIDE, INSIDE)
    return client.flags, host.flags


PAGE, RESET = (ACK | PSH | FIN, RST), (RST, RST)


@pytest.mark.parametrize("kind", PAIRS)
def test_a_page_is_a_right_frame_of_each_kind(harness: Harness, kind: str) -> None:
    with inspecting(harness):
        talk = Talk(harness, PAIRS[kind]).open()
        page = min(talk.say(BAD), key=lambda one: one.port)
        assert page.payload.startswith(b"HTTP/1.1 403")
    assert harness.stats.origin[Origin.REFUSAL].originated == 1


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        ((), b"text/html"),
        ((b"Accept: */*",), b"text/html"),
        ((b"accept: application/json",), b"application/json"),
        ((b"ACCEPT: application/problem+JSON, */*",), b"application/json"),
        ((b"Accept: text/html, application/json",), b"text/html"),
    ],
)
def test_the_page_is_what_the_client_accepts(talk: Talk, lines: list[bytes], kind: bytes) -> None:
    page = min(talk.say(get(b"/?q=attack", *lines)), key=lambda one: one.port)
    head, body = page.payload.split(b"\r\n\r\n")
    assert b"Content-Type: " + kind in head
    incident = re.search(rb"X-Request-Id: (\w+)", head)[1]
    assert incident in body
    if kind == b"application/json":
        assert json.loads(body)["incident"] == incident.decode()


def test_to_a_head_there_is_no_body(talk: Talk) -> None:
    page = min(talk.say(BAD.replace(b"GET", b"HEAD")), key=lambda one: one.port)
    assert page.payload.endswith(b"\r\n\r\n")


def test_incidents_have_numbers_of_their_own(harness: Harness) -> None:
    with inspecting(harness):
        found = set()
        for port in range(4):
            talk = Talk(harness)
            talk.pair.client_port = 41000 + port
            page = min(talk.open().say(BAD), key=lambda one: one.port)
            found.add(re.search(rb"X-Request-Id: (\w+)", page.payload)[1])
        assert len(found) == 4


def test_evidence_names_the_incident(harness: Harness, talk: Talk) -> None:
    page = min(talk.say(get(b"/?q=attack", b"Cookie: a=b")), key=lambda one: one.port)
    (evidence,) = harness.stats.evidence[: harness.stats.evidence_count]
    assert f"{evidence.incident:016x}".encode() in page.payload
    assert (evidence.rule, evidence.client_port, evidence.protected_port) == (1, 40000, 80)
    assert bytes(evidence.line[: evidence.line_size]) == b"GET /?q=attack HTTP/1.1"
    assert b"attack" in bytes(evidence.excerpt[: evidence.excerpt_size])


SECRETS = [
    (get(b"/?password=hunter2&q=attack"), b"hunter2"),
    (get(b"/", b"Authorization: attack aHVudGVyMg=="), b"aHVudGVyMg"),
    (get(b"/", b"Cookie: sid=hunter2; other=attack-hunter3"), b"hunter"),
    (get(b"/", b"Cookie: sid=hunter2%61; other=%61ttack-hunter3"), b"hunter2"),
    (get(b"/?q=x", b"Cookie: %73id=hunter2%20attack; a=b"), b"hunter"),
    (get(b"/?q=x", b"Authorization: Basic%20hunter2 attack"), b"hunter"),
    (get(b"/attack?api_key=hunter2"), b"hunter2"),
    (get(b"/?q=attack;x_token=hunter2"), b"hunter2"),
    (get(b"/?new-Secret=attackhunter2"), b"hunter2"),
]


@pytest.mark.parametrize(("request_bytes", "secret"), SECRETS)
def test_evidence_holds_no_secret(
    harness: Harness, talk: Talk, request_bytes: bytes, secret: bytes
) -> None:
    talk.say(request_bytes)
    (evidence,) = harness.stats.evidence[: harness.stats.evidence_count]
    assert secret not in bytes(evidence.line) + bytes(evidence.excerpt)
    assert b"***" in bytes(evidence.line) + bytes(evidence.excerpt)


# --- when it may be told ---


def test_all_before_is_answered_and_acknowledged(talk: Talk) -> None:
    talk.exchange(get(), ok())
    assert told(talk.say(BAD)) == PAGE


def test_an_outstanding_response_forbids_it(talk: Talk) -> None:
    talk.say(get())
    assert told(talk.say(BAD)) == RESET


def test_half_a_response_forbids_it(talk: Talk) -> None:
    talk.say(get())
    talk.reply(ok()[:-1])
    talk.ack(OUTSIDE)
    assert told(talk.say(BAD)) == RESET


def test_what_the_client_has_not_acknowledged_forbids_it(talk: Talk) -> None:
    talk.say(get())
    talk.reply(ok())
    bad = talk.segment(OUTSIDE, ACK | PSH, BAD, acknowledged=talk.host - 1)
    assert told(talk.step(bad)) == RESET


def test_the_bad_request_s_own_acknowledgment_counts(talk: Talk) -> None:
    talk.say(get())
    talk.reply(ok())
    assert told(talk.say(BAD)) == PAGE


def test_an_interim_response_does_not(talk: Talk) -> None:
    body = b"x=attack"
    head, _, body = post(body, b"/", b"Expect: 100-continue").rpartition(b"\r\n\r\n")
    assert len(talk.say(head + b"\r\n\r\n")) == 1
    talk.reply(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert told(talk.say(body)) == PAGE


def test_a_gap_of_the_host_forbids_it_until_the_connection_was_idle(talk: Talk) -> None:
    talk.say(get())
    talk.host += 10
    talk.reply(ok()[10:])
    talk.ack(OUTSIDE)
    talk.say(get(b"/next"))
    talk.reply(ok())
    talk.ack(OUTSIDE)
    talk.harness.time.boot_ds += 10
    talk.exchange(get(), ok())
    assert told(talk.say(BAD)) == PAGE


def test_a_request_that_still_waits_is_no_idle_connection(talk: Talk) -> None:
    """Its response may take longer than a connection is silent: a page would be taken for it."""
    talk.say(get())
    talk.host += 10
    talk.reply(ok()[10:])
    talk.ack(OUTSIDE)
    talk.say(get(b"/slow"))
    talk.ack()
    talk.harness.time.boot_ds += 100
    assert told(talk.say(BAD)) == RESET


def test_at_once_it_does_not(talk: Talk) -> None:
    talk.say(get())
    talk.host += 10
    talk.reply(ok()[10:])
    talk.ack(OUTSIDE)
    assert told(talk.say(BAD)) == RESET


def test_a_response_nobody_asked_for_forbids_it(talk: Talk) -> None:
    talk.reply(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
    assert told(talk.say(BAD)) == RESET


def test_responses_to_head_have_no_body(talk: Talk) -> None:
    talk.exchange(get().replace(b"GET", b"HEAD"), ok()[:-4])
    assert told(talk.say(BAD)) == PAGE


def test_pipelined_requests_are_counted(harness: Harness, talk: Talk) -> None:
    talk.say(get() * 3)
    talk.reply(ok() * 2 + ok()[:5])
    talk.reply(ok()[5:])
    talk.ack(OUTSIDE)
    assert harness.stats.http.responses[2] == 3
    assert told(talk.say(BAD)) == PAGE


def test_more_pipelined_than_are_counted(harness: Harness, talk: Talk) -> None:
    for _ in range(33):
        talk.say(get())
    talk.reply(ok() * 33)
    talk.ack(OUTSIDE)
    assert told(talk.say(BAD)) == RESET


def test_a_long_response_is_passed_over(harness: Harness, talk: Talk) -> None:
    talk.say(get())
    talk.reply(ok(b"x" * 100_000)[:1000])
    for _ in range(10):
        talk.reply(b"y" * 9000)
        talk.ack(OUTSIDE)
    rest = len(ok(b"x" * 100_000)) - 1000 - 90_000
    talk.reply(b"z" * rest)
    talk.ack(OUTSIDE)
    assert harness.stats.http.responses[2] == 1
    assert told(talk.say(BAD)) == PAGE


# --- afterwards ---


def test_after_a_while_there_is_only_a_reset(talk: Talk) -> None:
    talk.say(BAD)
    talk.harness.time.boot_ds += 49
    assert talk.at(-len(BAD), BAD)[0].payload
    talk.harness.time.boot_ds += 1
    (one,) = talk.at(-len(BAD), BAD)
    assert (one.port, one.flags, one.sequence) == (OUTSIDE, RST, talk.host)


def test_more_of_the_client_is_acknowledged(talk: Talk) -> None:
    talk.say(BAD)
    (one,) = talk.say(get(b"/more"))
    assert (one.acknowledgment, one.flags & FIN) == (talk.client, FIN)


def test_nothing_of_either_side_passes_any_more(harness: Harness, talk: Talk) -> None:
    talk.say(BAD)
    consumed = harness.stats.port[INSIDE].consumed
    out = talk.reply(ok())
    assert [(one.port, one.flags) for one in out] == [(INSIDE, RST)]
    assert harness.stats.port[INSIDE].consumed == consumed + 1
    assert talk.step(talk.segment(INSIDE, RST)) == []


def test_the_client_s_ports_can_be_used_again(harness: Harness, talk: Talk) -> None:
    talk.say(BAD)
    assert harness.stats.http.connections == 1
    talk.open()
    talk.exchange(get(), ok())
    assert harness.stats.http.connections == 1
    assert told(talk.say(BAD)) == PAGE


def test_a_page_has_times_that_the_client_takes(harness: Harness) -> None:
    with inspecting(harness):
        options = b"\x01\x01\x08\x0a" + struct.pack("!II", 700, 900)
        talk = Talk(harness, options=options).open()
        page = min(talk.say(BAD), key=lambda one: one.port)
        value, echo = page.times
        assert echo == 700
        assert 0 < value - 900 < 1 << 31


@pytest.mark.parametrize("mode", [Mode.MONITOR, Mode.OFF])
def test_a_mode_may_let_it_pass(harness: Harness, talk: Talk, mode: Mode) -> None:
    harness.set_mode(Reason.WAF_RULE, mode)
    assert len(talk.say(BAD)) == 1
    assert monitored(harness, Reason.WAF_RULE) == (mode is Mode.MONITOR)
    assert dropped(harness, Reason.WAF_RULE) == 0
    assert harness.stats.rule_hits[0] == 1
    talk.reply(ok())
    assert harness.stats.http.pool_used == 0


def test_framing_is_refused_alike(harness: Harness, talk: Talk) -> None:
    assert told(talk.say(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")) == PAGE
    assert dropped(harness, Reason.HTTP_HOST_REPEATED) == 1


def test_bytes_behind_the_last_request_are_refused(harness: Harness, talk: Talk) -> None:
    talk.exchange(get(b"/", b"Connection: close"), ok())
    assert told(talk.say(get())) == PAGE
    assert dropped(harness, Reason.HTTP_AFTER_CLOSE) == 1


@pytest.mark.parametrize("is_acknowledged", [False, True])
def test_a_line_end_behind_the_last_request_is_none(
    harness: Harness, talk: Talk, is_acknowledged: bool
) -> None:
    """Old clients send one behind a body (RFC 9112, 2.2); what follows it is refused as ever."""
    talk.exchange(post(b"a=b", b"/", b"Connection: close"), ok())
    assert len(talk.say(b"\r\n")) == 1
    if is_acknowledged:
        talk.ack()
    assert told(talk.say(get())) == PAGE
    assert dropped(harness, Reason.HTTP_AFTER_CLOSE) == 1


def test_without_an_outbox_it_is_dropped_all_the_same(harness: Harness, talk: Talk) -> None:
    harness.lcore.outbox = 0
    assert talk.say(BAD) == []
    assert talk.at(-len(BAD), BAD) == []


def test_a_syn_with_data_is_refused(harness: Harness) -> None:
    with inspecting(harness):
        talk = Talk(harness)
        syn = talk.segment(OUTSIDE, SYN, get())
        assert talk.step(syn) == []
        assert dropped(harness, Reason.HTTP_SYN_DATA) == 1
