"""An orchestrator with TLS as it is deployed, a provisioner, and provider ``qemu`` with the image.

The nodes reach it from QEMU's user network as 10.0.2.2; everything listens on loopback.
"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from api.orchestrator.database.upgrade import migrate
from appliance.lab.instance import MARK
from appliance.provisioner.qemu import machine
from tests.image.support.artifacts import VIRTUAL, accelerator, image
from tests.image.support.run import Run
from tests.support.instances.lab import TREE
from tests.support.network.ports import free_port
from tests.support.servers.fleet_server import PROVIDER, FleetServer
from tests.support.servers.terminator import program
from tests.support.waiting import wait_for

GATEWAY = "10.0.2.2"
"""The host, as a machine in QEMU's user network sees it."""
NODE_S = 3600
"""For one node to boot and be healthy: about ten times what an emulated one takes alone."""
_CONFIGURATION = TREE / "appliance/rootfs/tls-orchestrator/etc/secbeat/haproxy-orchestrator.cfg"


@dataclass
class Site:
    """What an operator has."""

    place: Path
    server: FleetServer
    tls_port: int

    @property
    def nodes(self) -> Path:
        """Where the provider keeps its nodes."""
        return self.place / "n"

    def processes(self) -> list[int]:
        """Of all machines."""
        return [pid for folder in self.nodes.glob("*") for pid in machine.processes(folder)]

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The body of an answer that is none of an error."""
        status, found, _ = self.server.request(method, path, body)
        assert status < 400, found
        return found


@pytest.fixture(scope="module")
def site(run: Run) -> Iterator[Site]:
    place = run.directory / "scale"
    place.mkdir()
    tls_port = free_port()
    _certificate(place)
    _configurations(place, run)
    url = f"sqlite:///{place / 'fleet.db'}"
    migrate(url)
    with ExitStack() as stack:
        _start(stack, "-m", "appliance.cli.processes", "provisioner", "--config", _toml(place))
        wait_for((place / "p.sock").exists, "the provisioner listens", 120)
        scaling = {"url": f"https://{GATEWAY}:{tls_port}", "timeout_s": NODE_S, "nodes_max": 2}
        socket = place / "api.sock"
        server = FleetServer(url, place / "o", 1, socket, place / "p.sock", scaling)
        stack.callback(server.kill)
        _terminate_tls(stack, place, socket, tls_port)
        made = Site(place, server, tls_port)
        yield made


def _certificate(place: Path) -> None:
    names = f"subjectAltName=IP:{GATEWAY},IP:127.0.0.1"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=secbeat", "-addext", names]
    command += ["-keyout", str(place / "tls.key"), "-out", str(place / "tls.crt")]
    subprocess.run(command, check=True, capture_output=True)


def _configurations(place: Path, run: Run) -> None:
    """Of the provider and the provisioner. However the run ends, its machines are found by MARK."""
    (place / "qemu.toml").write_text(
        f'image = "{image(VIRTUAL)}"\n'
        f'directory = "{place}/n"\n'
        f'accelerator = "{accelerator()}"\n'
        f'configuration = "{TREE}/appliance/rootfs/node/usr/share/secbeat/secbeat.toml"\n'
        f'ca_file = "{place}/tls.crt"\n'
        f"authorized_keys = {json.dumps([run.key.public])}\n"
        "disk_gib = 8\n[host]\ncpus = 4\nmemory_reserve_mib = 256\n"
    )
    module = [sys.executable, "-B", "-m", "appliance.provisioner.qemu.provider"]
    command = ["/usr/bin/env", f"{MARK}={run.name}", *module, str(place / "qemu.toml")]
    user = pwd.getpwuid(os.geteuid()).pw_name
    (place / "provisioner.toml").write_text(
        f'socket = "{place}/p.sock"\nuser = "{user}"\n[providers.{PROVIDER}]\n'
        f'command = {json.dumps(command)}\ndirectory = "{TREE}"\ntimeout_seconds = 300\n'
    )
    (place / "provisioner.toml").chmod(0o600)


def _toml(place: Path) -> str:
    return str(place / "provisioner.toml")


def _start(stack: ExitStack, *words: str) -> None:
    """A Python of the tree that ends with the stack."""
    process = subprocess.Popen([sys.executable, *words], cwd=TREE)
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)


def _terminate_tls(stack: ExitStack, place: Path, socket: Path, port: int) -> None:
    """HAProxy with the configuration of orchestrators; its port and the socket are the test's."""
    text = _CONFIGURATION.read_text().replace("/run/secbeat-orchestrator/api.sock", str(socket))
    for listener, address in (("0.0.0.0:3443", "127.0.0.1"), ("[::]:3443", "[::1]")):
        assert f"bind {listener}" in text
        text = text.replace(f"bind {listener}", f"bind {address}:{port}")
    (place / "haproxy.cfg").write_text(text)
    process = subprocess.Popen(
        [program(), "-db", "-f", str(place / "haproxy.cfg")],
        env={**os.environ, "CREDENTIALS_DIRECTORY": str(place)},
    )
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)
