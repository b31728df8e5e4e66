"""The event loop takes a heartbeat of figures, and nothing that says or may say more."""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from api.common.contract.schemas import rfc3339
from api.common.disk import DiskError
from api.orchestrator.app import create_app, orchestrator_of
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.heartbeats.shortcut import BYTES_MAX
from api.orchestrator.settings import OrchestratorSettings
from api.serving.bridge import BEGAN_S, Answered, Reading
from tests.api.orchestrator.conftest import client_of, heartbeat
from tests.support.clock import FakeClock
from tests.support.waiting import wait_for

Enrol = Callable[..., FlaskClient]
NODE = "/api/v1/nodes/node-1"
PATH = f"{NODE}/heartbeat"
KEY = "HTTP_X_SECBEAT_API_KEY"


class Beating:
    """A node that has been heard of, by both ways."""

    def __init__(self, app: Flask, node: FlaskClient, clock: FakeClock) -> None:
        self._app = app
        self._clock = clock
        self.shortcut: Any = orchestrator_of(app).shortcuts[1]
        self.node = node
        self.key: str = node.environ_base[KEY]

    def long_way(self, **more: Any) -> Any:
        answer = self.node.post(PATH, json=heartbeat(self._clock, **more))
        assert answer.status_code == 200, answer.json
        return answer

    def reading(self, body: bytes, **more: str) -> Reading | None:
        environ = {
            "PATH_INFO": PATH,
            "REQUEST_METHOD": "POST",
            "QUERY_STRING": "",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            KEY: self.key,
            BEGAN_S: time.monotonic(),
        }
        found = self.shortcut(environ | more)
        assert not isinstance(found, Answered)
        return found

    def at_hand(self, body: bytes = b"") -> Reading:
        """Once the key is; what else there is to find out is left as it is."""

        def find() -> Reading | None:
            found = self.reading(body)
            if found is None:
                self.node.get(f"{NODE}/desired")
            return found

        found = wait_for(find, "the key is at hand")
        assert found is not None
        return found

    def short_way(self, **more: Any) -> Answered | None:
        """The answer of the event loop, if that has one."""
        body = json.dumps(heartbeat(self._clock, **more)).encode()
        return self.at_hand(body).decide(body)

    def column(self, name: str) -> Any:
        with orchestrator_of(self._app).database.read() as connection:
            query = select(nodes.c[name]).where(nodes.c.id == "node-1")
            return connection.execute(query).scalar()

    def flush(self) -> None:
        """What the worker does once a second."""
        self.shortcut._heartbeats.flush()


@pytest.fixture
def beating(fleet: Flask, enrol: Enrol, clock: FakeClock) -> Beating:
    made = Beating(fleet, enrol("node-1"), clock)
    made.long_way()
    clock.pass_ms(1_000)
    return made


@pytest.fixture
def elsewhere(
    fleet: Flask, fleet_settings: OrchestratorSettings, beating: Beating, clock: FakeClock
) -> Iterator[Beating]:
    """The same node at another worker."""
    app = create_app(fleet_settings, clock)
    yield Beating(app, client_of(app, beating.key), clock)
    orchestrator_of(app).close()


def test_the_answer_is_that_of_the_whole_way(beating: Beating, clock: FakeClock) -> None:
    counted: list[int] = []
    beating.shortcut.door.count = lambda _seconds, status: counted.append(status)
    clock.pass_ms(10_000)
    short, long = beating.short_way(load=0.5), beating.long_way(load=0.5)
    assert short is not None
    assert (short.status, short.body, counted) == (200, long.data, [200])
    headers = {name.decode(): value.decode() for name, value in short.headers}
    wanted = {name.lower(): value for name, value in long.headers}
    assert headers.keys() == wanted.keys()
    assert headers | {"x-request-id": ""} == wanted | {"x-request-id": ""}


def test_figures_are_written_within_a_second_as_they_were_sent(
    beating: Beating, admin: FlaskClient, clock: FakeClock
) -> None:
    before = {"packets_processed": 7}
    beating.long_way(stats=before, load=0.25)
    clock.pass_ms(10_000)
    stats = {"packets_processed": 10**18, "latency_ms": 0.1 + 0.2, "requests_per_second": None}
    beating.flush()
    assert beating.short_way(stats=stats, load=0.1 + 0.2) is not None
    assert beating.column("load") == 0.25
    stamp = beating.column("stamp")
    beating.flush()
    found = admin.get(NODE).json
    assert (found["stats"], found["load"], found["status"]) == (stats, 0.1 + 0.2, "healthy")
    assert found["last_seen_at"] == rfc3339(clock.utc_ms())
    assert beating.column("stats_before") == before
    assert beating.column("seen_before_ms") == clock.utc_ms() - 10_000
    assert beating.column("stamp") == stamp


@pytest.mark.parametrize(
    "more",
    [
        {"health": "degraded"},
        {"reasons": ["disk"]},
        {"mode": "syn"},
        {"version": "0.2.0"},
        {"address": "10.0.1.99:9090"},
        {"boot_id": "b2"},
        {"applied": {"policy": {"epoch": "e", "number": 3, "state": "rejected", "message": "no"}}},
        {"rule_types": ["rate_limit"]},
        {"at": rfc3339(FakeClock().utc_ms() + 8_000)},
        {"load": 2.0},
        {"load": True},
        {"colour": "red"},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_says_more_or_is_wrong_goes_the_whole_way(
    beating: Beating, more: dict[str, Any]
) -> None:
    assert beating.short_way() is not None
    assert beating.short_way(**more) is None
    assert beating.short_way() is not None


def test_incidents_go_the_whole_way(
    beating: Beating, incident: Callable[..., dict[str, Any]]
) -> None:
    assert beating.short_way(incidents=[incident()]) is None


@pytest.mark.parametrize(
    "more",
    [
        {"REQUEST_METHOD": "PUT"},
        {"QUERY_STRING": "a=b"},
        {"PATH_INFO": "/api/v1/nodes/node-2/heartbeat"},
        {"PATH_INFO": "/api/v1/nodes/node-1/key"},
        {"CONTENT_TYPE": "text/plain"},
        {"CONTENT_LENGTH": str(BYTES_MAX + 1)},
        {"CONTENT_LENGTH": "9" * 5000},
        {"CONTENT_LENGTH": "-1"},
        {"CONTENT_LENGTH": ""},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"HTTP_CONTENT_ENCODING": "gzip"},
        {"HTTP_EXPECT": "100-continue"},
        {"HTTP_X_REQUEST_ID": "mine"},
        {KEY: "unknown"},
        {KEY: ""},
    ],
    ids=lambda more: "=".join(next(iter(more.items())))[:40],
)
def test_another_request_is_not_even_read(beating: Beating, more: dict[str, str]) -> None:
    beating.at_hand()
    assert beating.reading(b"", **more) is None


def test_the_first_heartbeat_and_one_after_a_silence_go_the_whole_way(
    beating: Beating, elsewhere: Beating, clock: FakeClock
) -> None:
    assert elsewhere.short_way() is None
    clock.pass_ms(28_000)
    assert beating.short_way() is not None
    clock.pass_ms(30_000)
    assert beating.short_way() is None
    beating.long_way()
    assert beating.short_way() is not None


def test_what_another_worker_was_told_meanwhile_is_replaced_within_a_second(
    beating: Beating, elsewhere: Beating, clock: FakeClock
) -> None:
    elsewhere.long_way(health="degraded")
    clock.pass_ms(1_000)
    assert beating.short_way() is not None
    beating.flush()
    assert (beating.column("health"), beating.column("status")) == ("healthy", "healthy")
    assert beating.short_way() is not None


def test_what_another_worker_was_told_later_stays(
    beating: Beating, elsewhere: Beating, clock: FakeClock
) -> None:
    assert beating.short_way() is not None
    clock.pass_ms(1_000)
    elsewhere.long_way(health="degraded")
    beating.flush()
    assert (beating.column("health"), beating.column("status")) == ("degraded", "degraded")
    assert beating.short_way() is None


def test_older_figures_do_not_replace_newer_ones_of_another_worker(
    beating: Beating, elsewhere: Beating, clock: FakeClock
) -> None:
    elsewhere.long_way()
    clock.pass_ms(1_000)
    assert beating.short_way(load=0.2) is not None
    clock.pass_ms(1_000)
    assert elsewhere.short_way(load=0.3) is not None
    elsewhere.flush()
    beating.flush()
    assert beating.column("load") == 0.3


def test_a_node_that_drains_is_told_of_within_a_second_of_its_heartbeat(
    beating: Beating, admin: FlaskClient, clock: FakeClock
) -> None:
    assert admin.post(f"{NODE}/drain").status_code == 200
    clock.pass_ms(10_000)
    assert beating.short_way() is not None
    beating.flush()
    assert beating.column("status") == "draining"


def test_a_node_that_was_deleted_ends_nothing_and_is_refused_within_a_second(
    beating: Beating, admin: FlaskClient, clock: FakeClock
) -> None:
    clock.pass_ms(10_000)
    body = json.dumps(heartbeat(clock)).encode()
    reading = beating.at_hand(body)
    assert admin.delete(NODE).status_code == 204
    assert reading.decide(body) is not None
    beating.flush()
    assert admin.get(NODE).status_code == 404
    wait_for(lambda: beating.node.get(f"{NODE}/desired").status_code == 401, "its key is void")
    assert beating.reading(body) is None


def test_while_nothing_can_be_written_it_goes_the_whole_way(
    beating: Beating, fleet: Flask, fleet_settings: OrchestratorSettings
) -> None:
    made = orchestrator_of(fleet)
    beating.at_hand()
    made.storage.failed(DiskError(fleet_settings.keys.parent, errno.ENOSPC))
    assert made.storage.trouble is not None
    assert beating.reading(b"") is None


def test_it_counts_against_the_limit_of_writes(
    fleet_settings: OrchestratorSettings, beating: Beating, clock: FakeClock
) -> None:
    app = create_app(replace(fleet_settings, writes_per_minute=3), clock)
    limited = Beating(app, client_of(app, beating.key), clock)
    for _ in range(3):
        limited.at_hand()
    assert limited.node.post(PATH, json=heartbeat(clock)).status_code == 429
    assert limited.reading(b"") is None
    orchestrator_of(app).close()
