"""The API on a real control plane: lists in C, no ports, a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.management.app import create_app, node_of
from api.management.connection import Connection
from api.management.revisions import effects
from api.management.settings import ApiSettings
from dataplane.library import ENVIRONMENT_VARIABLE
from dataplane.networks import Network
from tests.support.clock import FakeClock
from tests.support.dataplane import ROOT, spawn

from .conftest import Api


class RealApi(Api):
    """As `Api`, on the connection that a node uses."""

    def __init__(self, settings: ApiSettings) -> None:
        self.settings = settings
        self.clock = FakeClock()
        self.connection = Connection(settings.socket)
        self.app = create_app(settings, self.connection)
        self.node = node_of(self.app)
        self.client = self.app.test_client()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def is_ready(api: Api) -> bool:
    return bool(api.get("/health/ready").status_code == 200)


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The DPDK-free build is enough, if it is there."""
    pipeline = ROOT / "build" / "libsecbeat-pipeline.so"
    if pipeline.exists() and ENVIRONMENT_VARIABLE not in os.environ:
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, str(pipeline))


@pytest.fixture(autouse=True)
def _patient_api(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is answered here is whether there is an effect, not whether this machine is fast."""
    monkeypatch.setattr(effects, "WAIT_S", 5.0)


@pytest.fixture
def real(settings: ApiSettings) -> Iterator[RealApi]:
    found = RealApi(settings)
    yield found
    found.close()


def test_bans_and_imports_come_into_force_and_are_answered_so(real: RealApi) -> None:
    assert real.ban("192.0.2.1").status_code == 202, "nobody is there yet"
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        answer = real.ban("192.0.2.2", duration_seconds=60)
        assert (answer.status_code, answer.json["state"]) == (201, "in_force")
        body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(2000))
        imported = real.bring(body)
        assert imported.status_code in (201, 202)
        wait_for(lambda: _state(real, imported.json["revision"]) == "in_force")
        page = real.get("/blacklist?limit=1000").json
        assert page["total"] == 2002
        assert {each["state"] for each in page["blacklist"]} == {"in_force"}
        assert {each["hits"] for each in page["blacklist"]} == {0}
        used = real.get("/stats").json["lists"]["addresses"]["used"]
        assert used == 2002
        assert real.delete("/blacklist/10.0.0.1").status_code == 204
        assert real.get("/status").json["revision"] == {"committed": 4, "applied": 4}


def test_a_policy_comes_into_force_and_survives_the_data_plane(real: RealApi) -> None:
    rules = [{"type": "sanity", "action": "monitor"}]
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        answer = real.call("PUT", "/policy", json={"name": "watch", "rules": rules})
        assert (answer.status_code, answer.json["state"]) == (200, "in_force")
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        assert real.get("/policy").json["state"] == "in_force"


def test_a_data_plane_that_goes_and_comes_back_is_found_again(real: RealApi) -> None:
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        assert real.ban("192.0.2.1").status_code == 201
    assert real.ban("192.0.2.2").status_code == 202
    assert real.get("/stats").status_code == 503
    assert real.get("/status").json["status"] == "degraded"
    with spawn(real.settings.socket, real.settings.state_log):
        wait_for(lambda: is_ready(real))
        states = [each["state"] for each in real.get("/blacklist").json["blacklist"]]
        assert states == ["in_force", "in_force"]


def test_nothing_waits_long_for_a_data_plane_that_is_away(real: RealApi) -> None:
    for _ in range(20):
        assert real.connection.hits([("blacklist", Network.parse("192.0.2.1"))]) == {}
        real.connection.announce(1)
        assert not real.connection.wait_in_force(real.node.publisher.database_id, 1, 0.25)


def test_a_full_table_is_refused_by_the_published_capacity(real: RealApi) -> None:
    arguments = ("--addresses-max", "1024")
    with spawn(real.settings.socket, real.settings.state_log, arguments=arguments):
        wait_for(lambda: is_ready(real))
        limit = real.get("/stats").json["lists"]["addresses"]["max"]
        body = "\n".join(f"10.0.{n >> 8}.{n & 255}" for n in range(limit + 1))
        assert real.bring(body).status_code == 409
        assert real.bring(body.rpartition("\n")[0]).status_code in (201, 202)
        assert real.ban("192.0.2.1").status_code == 409


def test_a_restored_older_database_makes_the_data_plane_load_anew(
    settings: ApiSettings, tmp_path: Path
) -> None:
    first = RealApi(settings)
    first.ban("192.0.2.1")
    first.close()
    backup = settings.database.read_bytes()
    with spawn(settings.socket, settings.state_log):
        second = RealApi(settings)
        wait_for(lambda: is_ready(second))
        assert second.ban("192.0.2.2").status_code == 201
        second.close()
        settings.database.write_bytes(backup)
        third = RealApi(settings)
        try:
            wait_for(lambda: _all_in_force(third, ["192.0.2.1"]))
            wait_for(lambda: third.get("/stats").json["lists"]["addresses"]["used"] == 1)
        finally:
            third.close()


def _all_in_force(api: Api, ips: list[str]) -> bool:
    entries: list[dict[str, Any]] = api.get("/blacklist").json["blacklist"]
    assert [each["ip"] for each in entries] == ips
    return all(each["state"] == "in_force" for each in entries)


def _state(api: Api, revision: int) -> str:
    return str(api.get(f"/revisions/{revision}").json["state"])
