"""PostgreSQL is restarted while clients write: they are told so, and nothing taken is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from api.orchestrator.database.upgrade import migrate
from dataplane.base.clock import SystemClock
from tests.api.orchestrator.conftest import heartbeat, registration, sources
from tests.support.servers.fleet_server import FleetServer
from tests.support.servers.postgres import Postgres
from tests.support.waiting import wait_for

NODE, NODE_KEY = "node-1", "the key of node-1".ljust(40, ".")
EACH = 8
"""Writes of each kind before the restart, and after it."""
BOUND_S = 120
Request = tuple[str, Any, str | None]
"""Path, body, and the key if it is not the operator's."""


class Writer:
    """One client that writes things of one kind, a numbered one after the other."""

    def __init__(self, server: FleetServer, request: Callable[[int], Request]) -> None:
        self._server = server
        self._request = request
        self.taken: dict[int, Any] = {}
        """Answers of success, by number."""
        self.refused: set[tuple[int, bool]] = set()
        """Other statuses, and whether they say when to come again."""

    def run(self, end: Event) -> None:
        number = 0
        while not end.is_set():
            number += 1
            path, body, key = self._request(number)
            how = {} if key is None else {"key": key}
            status, answer, headers = self._server.request("POST", path, body, **how)
            if status < 300:
                self.taken[number] = answer
            else:
                self.refused.add((status, "retry-after" in headers))
                end.wait(0.05)


def address(number: int) -> str:
    return f"2001:db8::{number:x}"


def token(number: int) -> Request:
    return "/tokens", {"name": f"t{number}"}, None


def ban(number: int) -> Request:
    return "/blacklist", {"ip": address(number)}, None


def deployment(number: int) -> Request:
    return "/policy", {"name": f"p{number}"}, None


def attack(number: int) -> Request:
    """A heartbeat that brings an incident of its own: what it acknowledges has to be kept."""
    sent = heartbeat(SystemClock())
    more = {
        "id": f"attack_{number:016x}",
        "type": "syn_flood",
        "target_kind": "address",
        "target": address(number),
        "profile": "default",
        "state": "active",
        "action": "blocked",
        "started_at": sent["at"],
        "updated_at": sent["at"],
        "peak": {"packets_per_second": 5000, "bits_per_second": 10**6},
        "totals": {"packets": 9000, "dropped": 8800},
        "sources": sources(("192.0.2.50", 4000, 100)),
    }
    return f"/nodes/{NODE}/heartbeat", sent | {"incidents": [more]}, NODE_KEY


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_restarting_postgresql_under_load_is_503_and_loses_nothing_acknowledged(
    own_postgres: Postgres, tmp_path: Path, mode: str
) -> None:
    server = FleetServer(own_postgres.make_database(migrate), tmp_path, workers=2)
    try:
        enrol(server)
        kinds = (token, ban, deployment, attack)
        tokens, bans, deployments, attacks = writers = [Writer(server, kind) for kind in kinds]
        restart_under(own_postgres, mode, writers)
        assert [each.refused for each in writers] == [{(503, True)}] * len(writers)
        assert {f"t{number}" for number in tokens.taken} <= {
            each["name"] for each in read(server, "/tokens")["tokens"]
        }
        assert set(map(address, bans.taken)) <= {
            each["ip"] for each in read(server, "/blacklist?limit=1000")["blacklist"]
        }
        kept = {
            each["id"]: each["name"]
            for each in read(server, "/deployments?limit=1000")["deployments"]
        }
        said = {body["id"]: f"p{number}" for number, body in deployments.taken.items()}
        assert said.items() <= kept.items()
        assert set(map(address, attacks.taken)) <= {
            target
            for each in read(server, "/threats?limit=1000")["threats"]
            for target in each["targets"]
        }
        assert read(server, f"/nodes/{NODE}")["last_seen_at"] is not None
    finally:
        server.kill()


def restart_under(postgres: Postgres, mode: str, writers: list[Writer]) -> None:
    """Stop and start it while they write; each has written before and after, and been refused."""
    end = Event()
    with ThreadPoolExecutor(len(writers)) as pool:
        running = [pool.submit(each.run, end) for each in writers]
        try:
            wait_for(lambda: least(writers) >= EACH, "writes of each kind before", BOUND_S)
            postgres.stop(mode)
            wait_for(lambda: all(each.refused for each in writers), "a refusal of each", BOUND_S)
            postgres.start()
            before = [len(each.taken) for each in writers]
            wait_for(
                lambda: all(
                    len(each.taken) >= count + EACH
                    for each, count in zip(writers, before, strict=True)
                ),
                "writes of each kind after",
                BOUND_S,
            )
        finally:
            end.set()
        for each in running:
            each.result(BOUND_S)


def least(writers: list[Writer]) -> int:
    return min(len(each.taken) for each in writers)


def read(server: FleetServer, path: str) -> Any:
    status, body, _ = server.request("GET", path)
    assert status == 200, body
    return body


def enrol(server: FleetServer) -> None:
    text = (server.directory / "keys" / "enrol.key").read_text().strip()
    wanted = registration(NODE, NODE_KEY)
    assert server.request("POST", "/nodes/register", wanted, text)[0] == 201
