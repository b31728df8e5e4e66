"""Special connections: upgraded, half closed, older than the policy, on a bad line."""

from __future__ import annotations

import socket
from contextlib import suppress

import pytest

from tests.support.http_peers.exchange import (
    PATIENT_S,
    Answer,
    Sending,
    connected,
    receive,
    send,
    send_all,
)
from tests.support.http_peers.inspection import (
    HARMLESS,
    MARKER,
    ORIGINS,
    PROXIES,
    RECORDED,
    policy,
    put,
)
from tests.support.http_peers.recorder import ANSWER, CONTINUE, Recorder
from tests.support.http_peers.switching import switching
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.network.peers import vlan

HOST = ORIGINS["ipv4"]
SWITCHING = 8083
"""HAProxy's, which is not running here."""
VLAN = {"client": ["10.85.0.1/24"], "origin": ["10.85.0.2/24"]}
GOOD, BAD = (b"GET /?q=" + word + b" HTTP/1.1\r\nHost: lab\r\n\r\n" for word in (HARMLESS, MARKER))
UPGRADE = b"GET /ws HTTP/1.1\r\nHost: lab\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
WEBSOCKET = UPGRADE % b"websocket" + (
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %b\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


@pytest.fixture(autouse=True)
def ruled(rule: str) -> None:
    """All of them want it."""


def ask(connection: socket.socket, request: bytes, until: bytes = ANSWER) -> Answer:
    connection.sendall(request)
    return receive(connection, PATIENT_S, until)


# --- upgrades


def test_a_websocket_is_no_http_any_more(lab: Lab):
    frames = b"\x81\x8d" + b"\0\0\0\0" + MARKER
    answer = SWITCHED % b"websocket"
    with switching(lab, SWITCHING, answer) as echoed, connected(lab, HOST, SWITCHING) as connection:
        assert ask(connection, WEBSOCKET, answer).statuses == [101]
        for _ in range(50):
            assert ask(connection, frames, frames).data == frames
    assert b"".join(echoed) == frames * 50


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        (UPGRADE % b"foo" + b"\r\n", SWITCHED % b"foo"),
        (WEBSOCKET, ANSWER),
        (WEBSOCKET, ANSWER.replace(b"Content-Length: 3", b"X: HTTP/1.1 101\r\nContent-Length: 3")),
        (GOOD, SWITCHED % b"websocket"),
    ],
    ids=["another protocol", "not switched", "101 in a header", "not asked for"],
)
def test_whatever_else_is_said_of_upgrades_inspection_goes_on(
    lab: Lab, asked: bytes, answered: bytes
):
    with (
        switching(lab, SWITCHING, answered) as echoed,
        connected(lab, HOST, SWITCHING) as connection,
    ):
        first = ask(connection, asked, answered)
        answer = first if first.is_refused else ask(connection, BAD, BAD)
    assert answer.is_refused, answer
    assert BAD not in b"".join(echoed)


def test_what_is_sent_before_the_host_has_switched_is_inspected(lab: Lab):
    answer = SWITCHED % b"websocket"
    with switching(lab, SWITCHING, answer) as echoed, connected(lab, HOST, SWITCHING) as connection:
        assert ask(connection, WEBSOCKET + BAD, BAD).is_refused
    assert BAD not in b"".join(echoed)


# --- bodies


def test_a_bad_body_behind_100_continue_is_refused(lab: Lab, origin: Recorder):
    head = b"POST /up HTTP/1.1\r\nHost: lab\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n"
    for word, is_refused in ((HARMLESS, False), (MARKER, True)):
        with connected(lab, HOST, RECORDED) as connection:
            assert ask(connection, head, CONTINUE).data == CONTINUE
            answer = ask(connection, word.ljust(1000))
            assert answer.is_refused == is_refused, answer
    assert [HARMLESS in request for request in origin.requests] == [True]


@pytest.mark.parametrize("size", [100_000, 4_000_000])
def test_who_sends_a_large_bad_body_is_told_and_not_kept_waiting(
    lab: Lab, origin: Recorder, size: int
):
    """The page may be lost, as with any server that answers before it has read all."""
    head = b"POST /up HTTP/1.1\r\nHost: lab\r\nContent-Length: %d\r\n\r\n" % size
    body = (b"x" * 1000 + MARKER).ljust(size, b"x")
    answer = send(lab, HOST, Sending(RECORDED, [head, body]))
    assert answer.is_refused, answer
    assert origin.requests == []
    assert sum(map(len, origin.streams.values())) < size


def test_a_client_that_has_sent_all_closes_its_side_and_gets_its_answer(lab: Lab, origin: Recorder):
    for request, statuses in ((GOOD, [200]), (GOOD * 3, [200] * 3), (BAD, [403])):
        with connected(lab, HOST, RECORDED) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            answer = receive(connection, PATIENT_S)
        assert answer.statuses == statuses, answer


def test_a_connection_that_was_refused_carries_nothing_more(lab: Lab, origin: Recorder):
    with connected(lab, HOST, RECORDED) as connection:
        assert ask(connection, GOOD).statuses == [200]
        assert ask(connection, BAD).statuses == [403]
        with suppress(OSError):
            for _ in range(3):
                connection.sendall(GOOD)
        assert receive(connection, 1).statuses == []
    assert origin.requests == [GOOD]


# --- older than the policy


@pytest.mark.parametrize("fail", ["open", "closed"])
def test_a_connection_that_was_there_before_inspection_began(
    lab: Lab, key: str, origin: Recorder, fail: str
):
    put(lab, key, {"name": "not inspected"})
    with connected(lab, HOST, RECORDED) as connection:
        assert ask(connection, GOOD).statuses == [200]
        put(lab, key, policy(http={"ports": [RECORDED], "fail": fail}))
        answer = ask(connection, GOOD)
    put(lab, key, policy())
    if fail == "open":
        assert answer.statuses == [200], answer
    else:
        assert answer.ending == "reset", answer
        assert len(origin.requests) == 1


def test_a_change_of_policy_does_not_disturb_whom_it_inspects(lab: Lab, key: str, origin: Recorder):
    with connected(lab, HOST, RECORDED) as connection:
        assert ask(connection, GOOD).statuses == [200]
        connection.sendall(GOOD[:10])
        put(lab, key, policy("again"))
        assert ask(connection, GOOD[10:]).statuses == [200]
        assert ask(connection, BAD).is_refused
    put(lab, key, policy())


# --- scarce and lossy


def test_many_large_requests_of_one_source_do_not_wait_for_each_other(lab: Lab, origin: Recorder):
    """It may be a proxy."""
    head = b"GET / HTTP/1.1\r\nHost: lab\r\n" + (b"X: " + b"a" * 5000 + b"\r\n") * 6 + b"\r\n"
    answers = send_all(lab, HOST, [Sending(RECORDED, [head], until=ANSWER)] * 100)
    assert [answer.statuses for answer in answers] == [[200]] * 100


@pytest.mark.parametrize("syn", PROXIES)
def test_on_a_bad_line_a_bad_request_is_refused_all_the_same(
    lab: Lab, key: str, recording: Recorder, syn: str
):
    """One frame of ten is lost, so the SYN proxy gives up one opening in a hundred or two."""
    put(lab, key, policy(syn=syn))
    failed = lab.stats().connections.failed
    large = b"POST /up HTTP/1.1\r\nHost: lab\r\nContent-Length: 150000\r\n\r\n" + b"x" * 150_000
    behind = [Sending(RECORDED, [large + BAD[:40], BAD[40:]])] * 10
    bad = [Sending(RECORDED, [BAD[:40], BAD[40:]])] * 30 + behind
    good = [Sending(RECORDED, [GOOD[:40], GOOD[40:]], until=ANSWER)] * 30
    good += [Sending(RECORDED, [large + GOOD], until=ANSWER * 2)] * 10
    with vlan(lab, 85, VLAN, bad=(100, 50)):
        recording.clear()
        answers = send_all(
            lab, VLAN["origin"][0].split("/")[0], [*bad, *good], quiet_s=2 * PATIENT_S
        )
    put(lab, key, policy())
    assert [answer for answer in answers[:40] if not answer.is_refused] == []
    statuses = [answer.statuses for answer in answers[40:]]
    wanted = [[200]] * 30 + [[200, 200]] * 10
    wrong = [found for found, right in zip(statuses, wanted, strict=True) if found != right]
    assert wrong == [[]] * len(wrong)
    assert len(wrong) <= lab.stats().connections.failed - failed
    assert not recording.holds(BAD)
    assert_ledgers(lab.quiet_stats())
