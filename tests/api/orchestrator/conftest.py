"""An orchestrator on a database of its own, every test once on SQLite and once on PostgreSQL."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api.common.contract.schemas import rfc3339
from api.orchestrator.app import create_app, orchestrator_of
from api.orchestrator.database.upgrade import migrate
from api.orchestrator.settings import OrchestratorSettings
from tests.support.clock import FakeClock
from tests.support.servers.postgres import Postgres

HEADER = "X-SecBeat-API-Key"


@pytest.fixture(scope="session")
def fleet_schema(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has been migrated, to be copied."""
    file = tmp_path_factory.mktemp("schema") / "fleet.db"
    migrate(f"sqlite:///{file}")
    return file


@pytest.fixture(params=["sqlite", "postgresql"])
def fleet_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A new database that has the newest schema."""
    if request.param == "sqlite":
        file = tmp_path / "orchestrator" / "fleet.db"
        file.parent.mkdir()
        file.write_bytes(request.getfixturevalue("fleet_schema").read_bytes())
        yield f"sqlite:///{file}"
        return
    server: Postgres = request.getfixturevalue("postgres")
    url = server.make_database(migrate)
    yield url
    server.drop_database(url)


@pytest.fixture
def fleet_settings(fleet_url: str, tmp_path: Path) -> OrchestratorSettings:
    return OrchestratorSettings(database=fleet_url, keys=tmp_path / "orchestrator" / "keys")


@pytest.fixture
def fleet(fleet_settings: OrchestratorSettings, clock: FakeClock) -> Iterator[Flask]:
    app = create_app(fleet_settings, clock)
    yield app
    orchestrator_of(app).close()


def client_of(app: Flask, key: str) -> FlaskClient:
    """Who asks with that key."""
    client = app.test_client()
    client.environ_base[f"HTTP_{HEADER.upper().replace('-', '_')}"] = key
    return client


@pytest.fixture
def admin(fleet: Flask, fleet_settings: OrchestratorSettings) -> FlaskClient:
    return client_of(fleet, (fleet_settings.keys / "admin.key").read_text().strip())


@pytest.fixture
def enrolling(fleet: Flask, fleet_settings: OrchestratorSettings) -> FlaskClient:
    """A client with the first enrolment token."""
    return client_of(fleet, (fleet_settings.keys / "enrol.key").read_text().strip())


@pytest.fixture
def enrol(fleet: Flask, enrolling: FlaskClient) -> Callable[..., FlaskClient]:
    """Registers a node; gives a client with its key."""

    def make(node: str = "node-1", **more: Any) -> FlaskClient:
        key = f"the key of {node}".ljust(40, ".")
        answer = enrolling.post("/api/v1/nodes/register", json=registration(node, key) | more)
        assert answer.status_code in {200, 201}, answer.json
        return client_of(fleet, key)

    return make


@pytest.fixture
def incident(clock: FakeClock) -> Callable[..., dict[str, Any]]:
    """An attack as a node reports it; times are seconds before now."""

    def make(number: int = 1, began_s: int = 10, ended_s: int | None = None, **more: Any) -> Any:
        def at(seconds: int) -> str:
            return rfc3339(clock.utc_ms() - seconds * 1000)

        return {
            "id": f"attack_{number:016x}",
            "type": "syn_flood",
            "target_kind": "address",
            "target": "203.0.113.10",
            "profile": "web",
            "state": "active" if ended_s is None else "ended",
            "action": "blocked",
            "started_at": at(began_s),
            "updated_at": at(0 if ended_s is None else ended_s),
            "ended_at": None if ended_s is None else at(ended_s),
            "peak": {"packets_per_second": 5000, "bits_per_second": 10**6, "more": 1},
            "totals": {"packets": 9000, "dropped": 8800, "passed": 200},
            "sources": sources(("192.0.2.50", 4000, 100)),
            "field_of_a_newer_version": {"is": "passed over"},
        } | more

    return make


def sources(*top: tuple[str, int, int], distinct: int | None = None, **more: Any) -> dict[str, Any]:
    """The heaviest of an attack: address, packets, error."""
    found = [
        {"address": address, "country": "NL", "packets": packets, "error": error}
        for address, packets, error in top
    ]
    return {"top": found, "distinct": distinct or len(top), "spoofed": False} | more


def registration(node: str, key: str) -> dict[str, Any]:
    """What a node sends to enrol."""
    return {
        "id": node,
        "uuid": "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002",
        "key_sha256": hashlib.sha256(key.encode()).hexdigest(),
        "address": "10.0.1.10:9090",
        "version": "0.1.0",
    }


def heartbeat(clock: FakeClock | None = None, **more: Any) -> dict[str, Any]:
    """What a healthy node sends every ten seconds; now, by the clock that is given."""
    now_ms = (clock or FakeClock()).utc_ms()
    return {
        "boot_id": "b1",
        "at": rfc3339(now_ms),
        "mode": "l7",
        "health": "healthy",
        "load": 0.12,
        "version": "0.1.0",
        "address": "10.0.1.10:9090",
    } | more
