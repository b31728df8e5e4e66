"""Hosts with an orchestrator and a provisioner each. Their provider is a cloud made of files."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.support.fakes import cloud_provider
from tests.support.servers.fleet_server import PROVIDER, ROOT, FleetServer
from tests.support.waiting import wait_for

BOUND_S = 240
"""A lease that nobody renews takes 30 of these seconds."""


class Host:
    """One host. All hosts use the same cloud."""

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
        try:
            wait_for(socket.exists, "the provisioner listens", BOUND_S)
            self.server = FleetServer(url, directory / "o", provisioner=socket)
        except BaseException:
            self.provisioner.kill()
            raise

    def close(self) -> None:
        if self.server.process.poll() is None:
            self.server.kill()
        self.provisioner.terminate()
        self.provisioner.wait(60)


class Cloud:
    """The requests to the provider, and the nodes that it has made."""

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


def ended(server: FleetServer, job: str) -> Any:
    """The job, after it has ended."""

    def look() -> Any:
        found = server.request("GET", f"/scale/jobs/{job}")[1]
        return found if found["ended_at"] is not None else None

    return wait_for(look, "the job has ended", BOUND_S, every_s=0.2)


def known(server: FleetServer) -> list[str]:
    """Ids of the fleet's nodes, all of which must have been made by jobs."""
    nodes = [each["id"] for each in server.request("GET", "/nodes")[1]["nodes"]]
    made = [each["id"] for each in server.request("GET", "/scale")[1]["nodes"]]
    assert nodes == sorted(made)
    return made
