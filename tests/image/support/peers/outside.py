"""What a machine reaches beyond its management NIC: an orchestrator behind TLS, and a receiver.

Both are on the host's loopback address, which is `GATEWAY` to the machine. Whatever ends the run
ends them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from appliance.lab.instance import MARK
from tests.image.support.peers.seed import Written
from tests.image.support.vms.machine import GATEWAY
from tests.support.certificates import Authority
from tests.support.instances.lab import KEY_HEADER, TREE
from tests.support.network.ports import free_port
from tests.support.servers.receiver import Receiver, receiving
from tests.support.servers.terminator import ORCHESTRATOR, terminator
from tests.support.waiting import wait_for

AUTHORITY = "/etc/secbeat/fleet-ca.crt"
TOKEN = "/etc/credstore/secbeat.fleet-token"  # noqa: S105 - a path
START_S, END_S = 120, 30
_WITH_THE_RUN = ("setpriv", "--pdeathsig", "KILL")
"""Whatever ends the run, SIGKILL included, ends a process."""


@dataclass(frozen=True)
class Outside:
    """Where both listen, and what a machine has to be told of them."""

    directory: Path
    port: int
    """Of the orchestrator's API without TLS, for the tests."""
    tls_port: int
    authority: Path
    receiver: Receiver

    @property
    def configuration(self) -> str:
        """What ``secbeat.toml`` says of them, in sections of its own."""
        return (
            "[fleet]\n"
            f'url = "https://{GATEWAY}:{self.tls_port}"\n'
            f'ca_file = "{AUTHORITY}"\n'
            'labels = {site = "test"}\n'
            "[webhooks]\n"
            "enabled = true\n"
            f'endpoints = ["http://{GATEWAY}:{self.receiver.port}/hook"]\n'
            f'allow_hosts = ["{GATEWAY}"]\n'
        )

    @property
    def files(self) -> Sequence[Written]:
        """The authority, and the enrolment token as a credential of root's."""
        return (
            Written(AUTHORITY, self.authority.read_text()),
            Written(TOKEN, self._key("enrol"), "0600"),
        )

    def api(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """Ask the orchestrator as its administrator; the path starts after ``/api/v1``."""
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method,
                f"http://127.0.0.1:{self.port}/api/v1{path}",
                headers={KEY_HEADER: self._key("admin").strip()},
                timeout=30,
                **arguments,
            )

    def nodes(self) -> list[dict[str, Any]]:
        """What the orchestrator knows of its nodes."""
        answer = self.api("GET", "/nodes")
        assert answer.status_code == requests.codes.ok, answer.text
        found: list[dict[str, Any]] = answer.json()["nodes"]
        return found

    def _key(self, name: str) -> str:
        return (self.directory / "state" / "keys" / f"{name}.key").read_text()


@contextmanager
def outside(directory: Path, instance: str) -> Iterator[Outside]:
    """Start both.

    Args:
        directory: for everything that they keep; it is made.
        instance: the run's name, by which its processes are recognised.
    """
    directory.mkdir(mode=0o700)
    authority = Authority(directory)
    ports = free_port(), free_port()

    def make_certificate(place: Path) -> None:
        certificate, key = authority.issue(GATEWAY)
        shutil.copyfile(certificate, place / "tls.crt")
        shutil.copyfile(key, place / "tls.key")

    socket = directory / "api.sock"
    before = ("env", f"{MARK}={instance}", *_WITH_THE_RUN)
    with (
        receiving() as receiver,
        _orchestrator(directory, ports[0], socket, instance),
        terminator(directory, socket, ports[1], ORCHESTRATOR, make_certificate, before),
    ):
        made = Outside(directory, *ports, authority.file, receiver)
        wait_for(lambda: _answers(made), "the orchestrator answers", START_S)
        yield made


@contextmanager
def _orchestrator(directory: Path, port: int, socket: Path, instance: str) -> Iterator[None]:
    document = {
        "state_dir": str(directory / "state"),
        "bind": f"127.0.0.1:{port}",
        "socket": str(socket),
        "metrics": f"127.0.0.1:{free_port()}",
        "user": "root",
    }
    file = directory / "orchestrator.toml"
    # A string is the same in JSON and in TOML.
    file.write_text("".join(f"{name} = {json.dumps(text)}\n" for name, text in document.items()))
    (directory / "state").mkdir(mode=0o700)
    module = (sys.executable, "-m", "appliance.cli.processes", "orchestrator")
    with (
        (directory / "orchestrator.log").open("wb") as log,
        subprocess.Popen(
            [*_WITH_THE_RUN, *module, "--config", str(file)],
            cwd=TREE,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, MARK: instance, "HOME": str(directory)},
            start_new_session=True,  # Ctrl-C is for the run
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()
            process.wait(END_S)


def _answers(made: Outside) -> bool:
    try:
        return made.api("GET", "/health/ready").status_code == requests.codes.ok
    except (OSError, requests.RequestException):
        return False
