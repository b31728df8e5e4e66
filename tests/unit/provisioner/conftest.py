"""A provisioner on a socket of its own, with a provider that is a script of the test's."""

from __future__ import annotations

import os
import socket
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api.orchestrator.scaling.provisioner import SocketProvisioner
from appliance.provisioner.command import Provider
from appliance.provisioner.process import carrier
from appliance.provisioner.server import Server

ANSWER_S = 60.0
"""Enough on a busy machine; a test that waits for it has failed."""


class Provisioned:
    """The server and who asks it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "p.sock"
        self.runs = directory / "runs"
        self.timeout_s = ANSWER_S
        self.users = {os.geteuid()}
        self._servers: list[Server] = []

    def start(self, script: str, playbook: Path | None = None) -> SocketProvisioner:
        """Listen, with this for a provider's program, carried by the playbook if there is one."""
        program = self.directory / "provider.py"
        program.write_text(_BEGINNING + textwrap.dedent(script))
        command = (sys.executable, "-I", str(program))
        carried = playbook and carrier(playbook, self.directory, self.runs)
        provider = Provider("fake", command, self.directory, self.timeout_s, carried)
        server = Server(self.path, {"fake": provider}, self.users)
        self._servers.append(server)
        threading.Thread(target=server.serve, daemon=True).start()
        return SocketProvisioner(self.path, "fake")

    def ask_raw(self, line: bytes) -> bytes:
        """The whole answer to any line."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_S)
            connection.connect(str(self.path))
            connection.sendall(line)
            return b"".join(iter(lambda: connection.recv(4096), b""))

    def close(self) -> None:
        for server in self._servers:
            server.close()


_BEGINNING = """\
import json, os, subprocess, sys, time
question = json.loads(sys.stdin.readline())
def say(**message):
    print(json.dumps(message), flush=True)
"""


@pytest.fixture
def provisioned(tmp_path: Path) -> Iterator[Provisioned]:
    made = Provisioned(tmp_path)
    yield made
    made.close()


def await_end(pid: int) -> bool:
    """Whether a process ends; a zombie whose parent has gone too is reaped by init."""
    end = time.monotonic() + ANSWER_S
    while time.monotonic() < end:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


Heard = Callable[[str | None], None]


def collect(lines: list[str]) -> Heard:
    """Keeps what is said."""

    def hear(progress: str | None) -> None:
        if progress is not None:
            lines.append(progress)

    return hear


TOKEN = "t" * 43


def create(
    provisioner: SocketProvisioner,
    hear: Heard = lambda _line: None,
    url: str = "http://127.0.0.1:3030",
) -> dict[str, Any]:
    """Ask for a node."""
    fleet = {"url": url, "token": TOKEN, "labels": {"site": "fra"}}
    return provisioner.ask("create", {"node": "scale-1-1", "fleet": fleet}, ANSWER_S, hear)
