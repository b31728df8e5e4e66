"""Webhooks from the database to real receivers on loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from api.agent.recording.journal.event import ATTACK_DETECTED, KINDS, NODE_HEALTH, Event
from api.agent.recording.journal.journal import PENDING_MAX, Journal
from api.agent.webhooks.office import Office
from api.history.tables import deliveries
from api.webhooks.settings import WebhookSettings
from dataplane.base.clock import Clock, SystemClock
from tests.support.servers.receiver import Receiver, failing, receiving
from tests.support.waiting import wait_for

KEY = bytes(range(32))
SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="  # noqa: S105 - of KEY


def event(number: int, incident: str | None = None, kind: str = ATTACK_DETECTED) -> Event:
    return Event(kind, 1_764_000_000_000 + number, {"number": number}, incident)


@contextmanager
def delivering(
    directory: Path, *urls: str, clock: Clock | None = None, **changes: object
) -> Iterator[tuple[Journal, Office]]:
    """A journal, and an office that delivers what is recorded there."""
    clock = clock or SystemClock()
    settings = WebhookSettings(
        endpoints=urls,
        events=KINDS,
        secret=SECRET,
        allow_hosts=("127.0.0.1",),
        first_retry_s=0.01,
        last_retry_s=0.05,
        **changes,  # type: ignore[arg-type]
    )
    journal = Journal(directory / "events.db", settings.endpoints, settings.events, clock)
    journal.turn()
    office = Office(settings, journal, node_id="node-1", clock=clock)
    journal.listeners.append(office.wake)
    with ExitStack() as stack:
        stack.callback(journal.close)
        stack.callback(office.close)
        office.start()
        yield journal, office


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


def numbers(receiver: Receiver) -> list[int]:
    return [each.event["data"]["number"] for each in receiver.taken]


def states(journal: Journal) -> list[str]:
    with journal.read() as connection:
        query = select(deliveries.c.state).order_by(deliveries.c.event_sequence)
        return list(connection.execute(query).scalars())


def test_an_event_arrives_signed_as_the_contract_shows_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    with delivering(tmp_path, receiver.url) as (journal, _):
        journal.record([], [event(1)])
        wait_for(lambda: receiver.taken, "the event")
        wait_for(lambda: states(journal) == ["delivered"], "it is recorded")
    got = receiver.taken[0]
    got.verify(KEY)
    assert got.path == "/hook?key=hidden"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert got.headers["content-type"] == "application/json"
    assert got.event == {
        "event": "attack_detected",
        "timestamp": "2025-11-24T16:00:00.001Z",
        "node_id": "node-1",
        "id": got.id,
        "sequence": 1,
        "data": {"number": 1},
    }


def test_a_receiver_that_fails_ten_times_gets_every_event_with_the_same_id(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = failing(10)
    with delivering(tmp_path, receiver.url) as (journal, office):
        journal.record([], [event(number) for number in range(20)])
        wait_for(lambda: len(receiver.taken) == 20, "every event")
        wait_for(lambda: states(journal) == ["delivered"] * 20, "they are recorded")
        outcomes = next(iter(office.couriers.values())).outcomes
        assert outcomes == {"failed": 10, "delivered": 20}
    assert numbers(receiver) == list(range(20))
    assert len({each.id for each in receiver.got[:11]}) == 1
    for each in receiver.taken:
        each.verify(KEY)


def test_each_attempt_is_signed_anew(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answer = failing(1)
    with delivering(tmp_path, receiver.url, clock=_Hours()) as (journal, _):
        journal.record([], [event(1)])
        wait_for(lambda: receiver.taken, "the event")
    first, second = receiver.got
    assert first.id == second.id
    assert first.headers["webhook-timestamp"] != second.headers["webhook-timestamp"]
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


class _Hours(SystemClock):
    """An hour passes at each look."""

    def __init__(self) -> None:
        self._ms = 1_764_000_000_000

    def utc_ms(self) -> int:
        self._ms += 3_600_000
        return self._ms


def test_a_dead_and_a_slow_receiver_delay_no_other(tmp_path: Path, receiver: Receiver) -> None:
    released = threading.Event()
    with ExitStack() as stack:
        dead = stack.enter_context(socket.socket())
        dead.bind(("127.0.0.1", 0))  # and does not listen
        slow = stack.enter_context(receiving())
        slow.answer = lambda _got: (204, {}) if released.wait(240) else (500, {})
        urls = [f"http://127.0.0.1:{dead.getsockname()[1]}/", slow.url, receiver.url]
        journal, _ = stack.enter_context(delivering(tmp_path, *urls, timeout_s=240.0))
        stack.callback(released.set)
        journal.record([], [event(number) for number in range(50)])
        wait_for(lambda: len(receiver.taken) == 50, "every event at the good one")
        assert numbers(receiver) == list(range(50))
        assert (len(slow.got), slow.taken) == (1, [])


def test_a_refused_event_is_passed_by_others_but_not_by_those_of_its_incident(
    tmp_path: Path, receiver: Receiver
) -> None:
    refused = threading.Event()

    def answer(got: object) -> tuple[int, dict[str, str]]:
        is_first = got.event["data"]["number"] == 1  # type: ignore[attr-defined]
        return (400 if is_first and not refused.is_set() else 204), {}

    receiver.answer = answer
    with delivering(tmp_path, receiver.url, max_retries=100) as (journal, _):
        journal.record([], [event(1, "attack_a"), event(2, "attack_a"), event(3, "attack_b")])
        wait_for(lambda: numbers(receiver) == [3], "the event of the other incident")
        wait_for(lambda: len(receiver.got) > 4, "more attempts of the first")
        assert numbers(receiver) == [3]
        refused.set()
        wait_for(lambda: len(receiver.taken) == 3, "the rest")
    assert numbers(receiver) == [3, 1, 2]


def test_what_was_recorded_before_a_start_is_delivered_after_it(
    tmp_path: Path, receiver: Receiver
) -> None:
    """As after kill -9 between recording and delivery; back-off is kept."""
    journal = Journal(tmp_path / "events.db", [receiver.url], KINDS)
    journal.turn()
    journal.record([], [event(1)])
    journal.close()
    with delivering(tmp_path, receiver.url):
        wait_for(lambda: numbers(receiver) == [1], "the event")


def test_dead_letters_are_listed_without_secrets_and_sent_again(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.answer = failing(3)
    with delivering(tmp_path, receiver.url, max_retries=2) as (journal, office):
        journal.record([], [event(1)])
        wait_for(lambda: states(journal) == ["dead"], "it is given up")
        listed = office.listed(10)
        name = "1:127.0.0.1"
        (found,) = listed["endpoints"]
        assert (found["name"], found["dead"], found["pending"]) == (name, 1, 0)
        assert "hidden" not in str(listed)
        (letter,) = listed["dead"]
        assert (letter["attempts"], letter["last_status"]) == (3, 500)
        assert office.retry(None, letter["event"]) == 1
        wait_for(lambda: numbers(receiver) == [1], "it is delivered")
        assert receiver.taken[0].id == letter["event"]


def test_a_test_is_sent_at_once_and_its_outcome_is_told(tmp_path: Path, receiver: Receiver) -> None:
    with delivering(tmp_path, receiver.url) as (journal, office):
        (result,) = office.test(None)
        assert (result["delivered"], result["status"]) == (True, 204)
        assert receiver.taken[0].event["event"] == "test"
        receiver.taken[0].verify(KEY)
        receiver.answer = failing(1, 302)
        (result,) = office.test("1:127.0.0.1")
        assert result["error"] == "HTTP 302: redirects are not followed"
        assert states(journal) == []


def test_a_receiver_that_draws_its_answer_out_is_cut(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_drip, args=(listener,), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        with delivering(tmp_path, url, timeout_s=0.5, max_retries=0) as (journal, _):
            journal.record([], [event(1)])
            wait_for(lambda: states(journal) == ["dead"], "it is given up")
            with journal.read() as connection:
                error = connection.execute(select(deliveries.c.last_error)).scalar()
    assert error == "no answer within 0.5 s"


def _drip(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        stop = threading.Event()
        for byte in b"HTTP/1.1 204 No Content\r\n" + b"x" * 10_000:
            try:
                connection.send(bytes([byte]))
            except OSError:
                return
            stop.wait(0.05)


def test_more_than_the_queue_holds_is_dead_at_once(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.db", ["http://127.0.0.1:1/"], KINDS)
    journal.turn()
    journal.record([], [event(number, kind=NODE_HEALTH) for number in range(PENDING_MAX + 3)])
    found = states(journal)
    assert found == ["pending"] * PENDING_MAX + ["dead"] * 3
    journal.close()
