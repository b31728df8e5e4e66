"""An orchestrator with TLS as it is deployed, a provisioner, and provider ``qemu`` with the image.

The nodes reach it from QEMU's user network as 10.0.2.2; everything listens on loopback.
"""

from __future__ import annotations

import json
import os
import pwd
import shutil
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
from tests.image.support.vms.machine import GATEWAY
from tests.support.certificates import Authority
from tests.support.instances.lab import TREE
from tests.support.network.ports import free_port
from tests.support.servers.fleet_server import PROVIDER, FleetServer
from tests.support.servers.terminator import ORCHESTRATOR, terminator
from tests.support.waiting import wait_for

NODE_S = 3600
"""For one node to boot and be healthy: about ten times what an emulated one takes alone."""


@dataclass
class Site:
    """What an operator has."""

    place: Path
    server: FleetServer

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
    authority = Authority(place)

    def certify(folder: Path) -> None:
        certificate, key = authority.issue(GATEWAY)
        shutil.copyfile(certificate, folder / "tls.crt")
        shutil.copyfile(key, folder / "tls.key")

    _configurations(place, run, authority.file)
    url, tls_port = f"sqlite:///{place / 'fleet.db'}", free_port()
    migrate(url)
    scaling = {"url": f"https://{GATEWAY}:{tls_port}", "timeout_s": NODE_S, "nodes_max": 2}
    socket = place / "api.sock"
    with ExitStack() as stack:
        # However the run ends, its processes are found by this.
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(MARK, run.name)
        config = str(place / "provisioner.toml")
        _start(stack, "-m", "appliance.cli.processes", "provisioner", "--config", config)
        wait_for((place / "p.sock").exists, "the provisioner listens", 120)
        server = FleetServer(url, place / "o", 1, socket, place / "p.sock", scaling)
        stack.callback(server.kill)
        stack.enter_context(terminator(place, socket, tls_port, ORCHESTRATOR, certify))
        yield Site(place, server)


def _configurations(place: Path, run: Run, authority: Path) -> None:
    """Of the provider and the provisioner; a provider gets no environment, so MARK is given it."""
    (place / "qemu.toml").write_text(
        f'image = "{image(VIRTUAL)}"\n'
        f'directory = "{place}/n"\n'
        f'accelerator = "{accelerator()}"\n'
        f'configuration = "{TREE}/appliance/rootfs/node/usr/share/secbeat/secbeat.toml"\n'
        f'ca_file = "{authority}"\n'
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


def _start(stack: ExitStack, *words: str) -> None:
    """A Python of the tree that ends with the stack."""
    process = subprocess.Popen([sys.executable, *words], cwd=TREE)
    stack.callback(process.wait, 60)
    stack.callback(process.terminate)
