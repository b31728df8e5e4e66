"""A node in mode l7 with two workers and a small pool: both inspect, and its data plane dies."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.support.http_peers.exchange import Sending, connected, dropped, send
from tests.support.http_peers.inspection import MARKER, ORIGINS, RECORDED, add_rule, put
from tests.support.http_peers.recorder import ANSWER, Recorder, recorder
from tests.support.instances.lab import Lab, assert_ledgers
from tests.support.waiting import wait_for

SOURCES = [f"198.18.24.{number}" for number in range(1, 9)]
GOOD, BAD = (
    Sending(RECORDED, [b"GET /?q=%b HTTP/1.1\r\nHost: lab\r\n\r\n" % word], until=ANSWER)
    for word in (b"harmless", MARKER)
)


@pytest.fixture(scope="module")
def two() -> Iterator[Lab]:
    made = Lab("e2e-http-two")
    made.down()
    config = "[dataplane]\nlcores = 2\n[connections]\nlearning_seconds = 0\n[http]\npool_mib = 4\n"
    made.up("--mode", "l7", config=config)
    for source in SOURCES:
        made.add_address("client", f"{source}/15")
    closed = {"ports": [RECORDED], "fail": "closed"}
    put(made, made.key(), {"name": "closed", "http": closed})
    add_rule(made, made.key(), MARKER.decode())
    yield made
    made.down()


@pytest.fixture(scope="module")
def origin(two: Lab) -> Iterator[Recorder]:
    with recorder(two, RECORDED) as made:
        yield made


def test_both_workers_inspect(two: Lab, origin: Recorder):
    for source in SOURCES:
        assert send(two, ORIGINS["ipv4"], GOOD, source=source).statuses == [200]
        assert send(two, ORIGINS["ipv4"], BAD, source=source).is_refused
    assert not origin.holds(MARKER + b" HTTP/1.1\r\nHost: lab\r\n\r\n")
    stats = two.quiet_stats()
    assert_ledgers(stats)
    assert all(lcore.stages["http"].packets > 0 for lcore in stats.lcores)


def test_one_source_can_not_take_the_room_of_others(two: Lab, origin: Recorder):
    """Heads that never end fill half of the pool, and the other half is for others."""
    before = dropped(two).get("http_pool", 0)
    head = b"GET / HTTP/1.1\r\nHost: lab\r\n" + (b"X: " + b"a" * 5000 + b"\r\n") * 6
    with ExitStack() as stack:
        for _ in range(60):
            connection = stack.enter_context(connected(two, ORIGINS["ipv4"], RECORDED))
            with suppress(OSError):  # of one that finds no room: it may be reset at once
                connection.sendall(head)
        wait_for(lambda: dropped(two).get("http_pool", 0) > before, "there is no more room")
        for source in SOURCES:
            assert send(two, ORIGINS["ipv4"], GOOD, source=source).statuses == [200]


def test_a_rule_holds_from_the_first_request_after_a_crash(two: Lab, origin: Recorder):
    """The profile says that nothing passes until the rules are in force."""
    origin.clear()
    end = threading.Event()
    failures: list[str] = []

    def attack(source: str) -> None:
        while not end.is_set():
            try:
                answer = send(two, ORIGINS["ipv4"], BAD, 1, source)
            except OSError:
                continue  # nobody forwards
            if answer.statuses and not answer.is_refused:
                failures.append(f"{source}: {answer}")

    threads = [threading.Thread(target=attack, args=(source,)) for source in SOURCES[:4]]
    for thread in threads:
        thread.start()
    try:
        two.kill("dataplane", signal.SIGKILL)

        def passes() -> bool:
            with suppress(OSError):
                return send(two, ORIGINS["ipv4"], GOOD, 1, SOURCES[7]).statuses == [200]
            return False

        wait_for(passes, "a good request passes again")
    finally:
        end.set()
        for thread in threads:
            thread.join(120)
    assert failures == []
    assert send(two, ORIGINS["ipv4"], BAD, source=SOURCES[7]).is_refused
    assert not any(MARKER in request for request in origin.requests)
