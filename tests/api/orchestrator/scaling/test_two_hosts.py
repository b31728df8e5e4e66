"""Two hosts, each with an orchestrator and a provisioner of its own, on one PostgreSQL."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.orchestrator.database.upgrade import migrate
from tests.support.fakes import cloud_provider
from tests.support.servers.fleet_server import PROVIDER, ROOT, FleetServer
from tests.support.servers.postgres import Postgres
from tests.support.waiting import wait_for

BOUND_S = 240
"""Of which a lease that nobody renews has 30."""


class Host:
    """One. The cloud is the same for both."""

    def __init__(self, url: str, directory: Path, cloud: Path) -> None:
        directory.mkdir()
        socket, file = directory / "p.sock", directory / "provisioner.toml"
        command = [sys.executable, "-I", cloud_provider.__file__, str(cloud)]
        user = pwd.getpwuid(os.geteuid()).pw_name
        file.write_text(
            f'socket = "{socket}"\nuser = "{user}"\n'
            f"[providers.{PROVIDER}]\ncommand = {json.dumps(command)}\n"
        )
        file.chmod(0o600)
        self.provisioner = subprocess.Popen(
            [sys.executable, "-m", "appliance.cli.processes", "provisioner", "--config", str(file)],
            cwd=ROOT,
        )
        wait_for(socket.exists, "the provisioner listens", BOUND_S)
        self.server = FleetServer(url, directory / "o", provisioner=socket)

    def close(self) -> None:
        if self.server.process.poll() is None:
            self.server.kill()
        self.provisioner.terminate()
        self.provisioner.wait(60)


class Cloud:
    """What the provider has been asked, and what it has made."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "nodes").mkdir()
        self.hold = directory / "hold"

    @property
    def there(self) -> list[str]:
        return sorted(each.name for each in (self.directory / "nodes").iterdir())

    @property
    def asked(self) -> list[tuple[str, str, int]]:
        file = self.directory / "asked"
        lines = file.read_text().splitlines() if file.exists() else []
        found = (line.split(" ") for line in lines)
        return [(verb, node, int(pid)) for verb, node, pid in found if node]


@pytest.fixture
def room() -> Iterator[Path]:
    """Its path is short, as that of a Unix socket must be."""
    with tempfile.TemporaryDirectory(prefix="secbeat-hosts-") as directory:
        yield Path(directory)


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    made = postgres.make_database(migrate)
    yield made
    postgres.drop_database(made)


def test_a_job_whose_orchestrator_is_killed_is_ended_by_the_other_and_no_node_is_made_twice(
    url: str, room: Path
) -> None:
    cloud = Cloud(room)
    hosts = [Host(url, room / "a", room)]
    try:
        cloud.hold.write_text("-2")
        asked = {"action": "scale_up", "count": 3}
        status, job, _ = hosts[0].server.request("POST", "/scale", asked)
        assert status == 202, job
        first, second, third = job["nodes"]
        wait_for(lambda: cloud.there == [first, second], "the second is half made", BOUND_S)
        hosts.append(Host(url, room / "b", room))
        hosts[0].server.kill()
        cloud.hold.unlink()
        (held,) = [pid for verb, node, pid in cloud.asked if node == second]
        wait_for(lambda: not Path(f"/proc/{held}").exists(), "the provider's run is ended", BOUND_S)
        other = hosts[1].server
        done = ended(other, job["id"])
        assert (done["state"], done["attempt"]) == ("succeeded", 2), done
        assert done["nodes"] == job["nodes"]
        assert cloud.there == sorted(job["nodes"])
        assert known(other) == job["nodes"]
        assert Counter((verb, node) for verb, node, _ in cloud.asked) == {
            ("create", first): 1,
            ("create", second): 2,
            ("destroy", second): 1,
            ("create", third): 1,
        }
        _, job, _ = other.request("POST", "/scale", {"action": "scale_down", "count": 3})
        assert ended(other, job["id"])["state"] == "succeeded"
        assert (cloud.there, known(other)) == ([], [])
    finally:
        for host in hosts:
            host.close()


def ended(server: FleetServer, job: str) -> Any:
    """The job, when it has come to its end."""

    def look() -> Any:
        found = server.request("GET", f"/scale/jobs/{job}")[1]
        return found if found["ended_at"] is not None else None

    return wait_for(look, "the job has ended", BOUND_S, every_s=0.2)


def known(server: FleetServer) -> list[str]:
    """Nodes of the fleet, which are those that jobs have made."""
    nodes = [each["id"] for each in server.request("GET", "/nodes")[1]["nodes"]]
    made = [each["id"] for each in server.request("GET", "/scale")[1]["nodes"]]
    assert nodes == sorted(made)
    return made
