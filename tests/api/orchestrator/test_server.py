"""The orchestrator's processes: several workers on PostgreSQL, and PostgreSQL that goes away."""

from __future__ import annotations

import os
import re
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.orchestrator.database.upgrade import migrate
from api.orchestrator.server import run
from api.orchestrator.settings import OrchestratorSettings
from dataplane.base.errors import ConfigurationError
from tests.support.servers.fleet_server import FleetServer
from tests.support.servers.postgres import Postgres
from tests.support.waiting import wait_for


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    made = postgres.make_database(migrate)
    yield made
    postgres.drop_database(made)


@pytest.fixture
def server(url: str, tmp_path: Path) -> Iterator[FleetServer]:
    found = FleetServer(url, tmp_path, workers=2)
    yield found
    found.kill()


def test_several_workers_on_sqlite_are_refused(tmp_path: Path) -> None:
    settings = OrchestratorSettings(
        database=f"sqlite:///{tmp_path / 'fleet.db'}", keys=tmp_path, workers=2
    )
    with pytest.raises(ConfigurationError, match=r"workers = 2: .* several need PostgreSQL"):
        run(settings)


def test_the_terminators_socket_is_its_directorys_groups(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="sb-") as directory:  # short: 107 bytes at most
        if os.geteuid() == 0:
            os.chown(directory, -1, 12_345)
        place = Path(directory) / "api.sock"
        server = FleetServer(f"sqlite:///{tmp_path / 'fleet.db'}", tmp_path, unix_socket=place)
        try:
            assert place.stat().st_gid == place.parent.stat().st_gid
            assert stat.S_IMODE(place.stat().st_mode) == 0o660
        finally:
            server.kill()


def test_a_socket_that_can_not_be_is_told_before_the_start(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "api.sock"
    settings = OrchestratorSettings(database="sqlite://", keys=tmp_path, unix_socket=path)
    with pytest.raises(ConfigurationError, match="socket: there is no directory"):
        run(settings)


def answered(text: str) -> int:
    """How often `GET /nodes` was answered with success."""
    name = 'secbeat_orchestrator_requests_total{operation="get_nodes",status="2xx"}'
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)
    return int(float(found[1])) if found else 0


def test_one_worker_exports_for_all_and_another_when_it_dies(server: FleetServer) -> None:
    wait_for(lambda: len(server.workers()) == 2, "two workers")
    for _ in range(40):  # of which each worker gets some
        assert server.request("GET", "/nodes")[0] == 200
    wait_for(lambda: answered(exported(server)) == 40, "one of the two says what both have done")
    text = exported(server)
    assert 'secbeat_fleet_nodes{status="healthy"} 0.0' in text
    assert "secbeat_orchestrator_database_up 1.0" in text
    (exporter,) = [pid for pid in server.workers() if listens(pid, server.metrics_port)]
    os.kill(exporter, signal.SIGKILL)
    wait_for(lambda: exporter not in server.workers(), "it is gone")
    wait_for(lambda: answered(exported(server)) == 40, "another says the same")


def exported(server: FleetServer) -> str:
    try:
        return server.metrics()
    except OSError:
        return ""


def listens(pid: int, port: int) -> bool:
    """Whether a process has a listening socket of 127.0.0.1 with that port."""
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[1] == f"0100007F:{port:04X}" and line.split()[3] == "0A"
    }
    links = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    return bool({f"socket:[{inode}]" for inode in inodes} & links)


def test_without_its_database_it_starts_says_so_and_serves_when_that_is_there(
    own_postgres: Postgres, tmp_path: Path
) -> None:
    url = own_postgres.make_database(migrate)
    own_postgres.stop()
    server = FleetServer(url, tmp_path)
    try:
        status, body, headers = server.request("GET", "/nodes")
        assert status == 503
        assert "postgresql://" in body["detail"]
        assert int(headers["retry-after"]) >= 1
        assert "secbeat_orchestrator_database_up 0.0" in wait_for(
            lambda: exported(server), "it exports"
        )
        own_postgres.start()
        wait_for(lambda: server.request("GET", "/nodes")[0] == 200, "it serves")
    finally:
        server.kill()
