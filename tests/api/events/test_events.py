"""``/events`` and ``/events/stream``, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from api.access.audit import service as audit
from api.access.keys.service import ENVIRONMENT, EnvironmentKey, Keys
from api.common.contract.roles import Role
from api.common.contract.schemas import rfc3339
from api.common.exchange.streams import StreamEndedError
from api.history.reading import History
from api.management.events import tail
from api.management.events.rows import Filter
from api.management.events.tail import Newest, Tail
from tests.api.conftest import Api
from tests.support.values.recorded import Recorded

ATTACK = "attack_0123456789abcdef"
AT_MS = 1_764_000_000_000


def fill(recorded: Recorded, count: int) -> None:
    """Events of two kinds in turns, every third of an attack."""
    for number in range(count):
        kind = ("attack_detected", "node_health")[number % 2]
        incident = ATTACK if number % 3 == 0 else None
        recorded.event(kind, AT_MS + number, incident, number=number)


def sequences(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.json
    return [each["sequence"] for each in answer.json["events"]]


def messages(data: bytes) -> list[dict[str, Any]]:
    """What a client makes of a stream: a mapping for each message that is no comment."""
    found = []
    for block in data.decode().split("\n\n"):
        lines = [line.partition(": ") for line in block.splitlines() if not line.startswith(":")]
        if lines:
            message: dict[str, Any] = {name: value for name, _, value in lines}
            found.append({**message, "data": json.loads(message["data"])})
    return found


def test_an_event_has_a_number_an_id_a_kind_and_what_it_tells(api: Api, recorded: Recorded) -> None:
    recorded.event("attack_detected", AT_MS, ATTACK, attack_type="syn_flood")
    assert api.get("/events").json == {
        "events": [
            {
                "sequence": 1,
                "id": "evt_0000000000000000000001",
                "kind": "attack_detected",
                "at": rfc3339(AT_MS),
                "incident": ATTACK,
                "data": {"attack_type": "syn_flood"},
            }
        ],
        "total": 1,
        "next_cursor": None,
    }


def test_events_come_newest_first_a_page_at_a_time(api: Api, recorded: Recorded) -> None:
    fill(recorded, 5)
    first = api.get("/events?limit=2")
    assert sequences(first) == [5, 4]
    assert first.json["total"] == 5
    second = api.get(f"/events?limit=2&cursor={first.json['next_cursor']}")
    third = api.get(f"/events?limit=2&cursor={second.json['next_cursor']}")
    assert (sequences(second), sequences(third)) == ([3, 2], [1])
    assert third.json["next_cursor"] is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("kind=node_health", [6, 4, 2]),
        (f"incident={ATTACK}", [4, 1]),
        (f"incident={ATTACK}&kind=node_health", [4]),
        ("kind=policy_applied", []),
    ],
)
def test_events_are_found_by_kind_and_attack(
    api: Api, recorded: Recorded, query: str, expected: list[int]
) -> None:
    fill(recorded, 6)
    page = api.get(f"/events?{query}")
    assert sequences(page) == expected
    assert page.json["total"] == len(expected)
    stream = api.get(f"/events/stream?{query}", headers={"Last-Event-ID": "0"})
    assert [int(each["id"]) for each in messages(stream.data)] == sorted(expected)


@pytest.mark.parametrize("path", ["/events", "/events/stream"])
def test_without_the_agents_database_events_are_503(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 503
    assert answer.content_type == "application/problem+json"


def test_a_stream_goes_on_after_the_last_event_that_a_client_has(
    api: Api, recorded: Recorded
) -> None:
    fill(recorded, 3)
    answer = api.get("/events/stream", headers={"Last-Event-ID": "1"})
    assert answer.content_type == "text/event-stream"
    found = messages(answer.data)
    assert [each["id"] for each in found] == ["2", "3"]
    assert found[0]["event"] == "node_health"
    assert [each["data"] for each in found] == api.get("/events?limit=2").json["events"][::-1]


def test_a_stream_without_a_last_event_begins_with_what_is_to_come(
    api: Api, recorded: Recorded
) -> None:
    fill(recorded, 3)
    assert messages(api.get("/events/stream").data) == []


@pytest.mark.parametrize("text", ["x", "-1", "1.0", "9" * 19, "\u0663"])
def test_a_last_event_that_is_no_number_is_422(api: Api, recorded: Recorded, text: str) -> None:
    answer = api.get("/events/stream", headers={"Last-Event-ID": text})
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == "Last-Event-ID"


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock_s() -> Clock:
    return Clock()


def follow(recorded: Recorded, clock: Clock, after: int, **changes: Any) -> Tail:
    history = History(recorded.path)
    wanted = changes.pop("wanted", Filter())
    may_read = changes.pop("may_read", lambda: True)
    return Tail(history, Newest(history, clock), wanted, after, may_read, clock)


def ids(found: bytes) -> list[int]:
    return [int(each["id"]) for each in messages(found)]


def test_each_event_is_taken_once(recorded: Recorded, clock_s: Clock) -> None:
    fill(recorded, 2)
    found = follow(recorded, clock_s, 0)
    assert ids(found.take()) == [1, 2]
    assert found.take() == b""
    fill(recorded, 1)
    clock_s.now_s += 1
    assert ids(found.take()) == [3]


def test_a_client_that_was_away_long_is_served_in_turns(
    recorded: Recorded, clock_s: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(recorded, 7)
    monkeypatch.setattr(tail, "TURN_EVENTS_MAX", 3)
    found = follow(recorded, clock_s, 0)
    assert [ids(found.take()) for _ in range(4)] == [[1, 2, 3], [4, 5, 6], [7], []]


def test_a_turn_is_limited_in_bytes(
    recorded: Recorded, clock_s: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(recorded, 3)
    monkeypatch.setattr(tail, "TURN_BYTES_MAX", 1)
    found = follow(recorded, clock_s, 0)
    assert [ids(found.take()) for _ in range(4)] == [[1], [2], [3], []]


def test_events_that_do_not_meet_a_filter_are_passed_over_once(
    recorded: Recorded, clock_s: Clock
) -> None:
    found = follow(recorded, clock_s, 0, wanted=Filter(kind="attack_detected"))
    fill(recorded, 2)
    assert ids(found.take()) == [1]
    fill(recorded, 1)
    clock_s.now_s += 1
    assert ids(found.take()) == [3]


def test_a_client_of_an_older_database_begins_with_the_first_of_the_new_one(
    recorded: Recorded, clock_s: Clock
) -> None:
    fill(recorded, 2)
    assert ids(follow(recorded, clock_s, 500).take()) == [1, 2]


def test_a_database_that_goes_away_is_said_once_and_followed_when_it_is_back(
    recorded: Recorded, clock_s: Clock
) -> None:
    fill(recorded, 1)
    found = follow(recorded, clock_s, 0)
    aside = recorded.path.with_name("aside")
    recorded.close()
    recorded.path.rename(aside)
    assert found.take().startswith(b": the agent's database")
    assert found.take() == b""
    aside.rename(recorded.path)
    assert ids(found.take()) == [1]


def test_a_stream_ends_when_its_key_opens_nothing_any_more(
    recorded: Recorded, clock_s: Clock
) -> None:
    valid = [True]
    found = follow(recorded, clock_s, 0, may_read=lambda: valid[0])
    clock_s.now_s += 2
    found.take()
    valid[0] = False
    clock_s.now_s += 2
    with pytest.raises(StreamEndedError):
        found.take()


def test_events_are_for_those_who_operate(api: Api, recorded: Recorded) -> None:
    made = api.post("/keys", {"name": "reader", "role": "read"}).json
    assert api.get("/events", key=made["key"]).status_code == 403
    assert api.get("/events/stream", key=made["key"]).status_code == 403


def test_a_key_that_is_removed_or_has_expired_is_valid_no_more(api: Api) -> None:
    keys = Keys(api.node.database, api.clock, EnvironmentKey("VARIABLE", "text"))
    actor = audit.system("test")
    lasting, _ = keys.make(actor, "one", Role.OPERATE, None)
    short, _ = keys.make(actor, "two", Role.OPERATE, 60)
    assert all(map(keys.is_valid, (lasting.id, short.id, ENVIRONMENT)))
    keys.remove(actor, lasting.id)
    api.clock.pass_ms(61_000)
    assert not any(map(keys.is_valid, (lasting.id, short.id)))
