"""A lab instance for tests: started with the command, and used through the interfaces of users."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import requests

from appliance.lab.instance import Instance
from dataplane.client import observe
from dataplane.shared.stats import NodeStats
from tests.support.waiting import wait_for

TREE = Path(__file__).resolve().parents[3]
SECBEAT = (sys.executable, "-m", "appliance.cli.main")
KEY_HEADER = "X-SecBeat-API-Key"
COMMAND_TIMEOUT_S = 60.0
UP_TIMEOUT_S = 240.0
"""Longer than the lab itself waits."""


def run(*command: str, timeout_s: float = COMMAND_TIMEOUT_S) -> subprocess.CompletedProcess[str]:
    """Run a command without input; returns its result even if it fails."""
    return subprocess.run(
        command,
        cwd=TREE,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        stdin=subprocess.DEVNULL,
        check=False,
    )


class Lab:
    """An instance, by its name."""

    def __init__(self, name: str) -> None:
        self.instance = Instance(name)
        self._config: Path | None = None

    # --- start and stop

    def up(self, *options: str, config: str | None = None, has_orchestrator: bool = False) -> None:
        """Start it in the background and return when it is healthy. Few tests need an
        orchestrator."""
        if not has_orchestrator:
            options = (*options, "--no-orchestrator")
        if config is not None:
            options = (*options, "--config", str(self._write(config)))
        done = self.command("up", "--detach", *options, timeout_s=UP_TIMEOUT_S)
        assert done.returncode == 0, done.stderr

    def down(self) -> subprocess.CompletedProcess[str]:
        """Stop it, or remove what an interrupted run has left."""
        done = self.command("down", timeout_s=UP_TIMEOUT_S)
        if self._config is not None:
            self._config.unlink(missing_ok=True)
        return done

    def command(
        self, verb: str, *options: str, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run ``secbeat lab VERB --instance NAME OPTIONS``."""
        name = self.instance.name
        return run(*SECBEAT, "lab", verb, "--instance", name, *options, timeout_s=timeout_s)

    def status(self) -> dict[str, Any]:
        """The document of ``lab status --json``."""
        document: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return document

    def process(self, name: str) -> dict[str, Any]:
        """The status of one process."""
        found: dict[str, Any] = self.status()["processes"][name]
        return found

    def kill(self, name: str, number: int) -> None:
        """Send a signal to a process, and wait until the supervisor has restarted it."""
        before = self.process(name)
        os.kill(before["pid"], number)

        def back() -> bool:
            now = self.process(name)
            return now["restarts"] > before["restarts"] and now["state"] == "ready"

        wait_for(back, f"{name} is back after signal {number}", bound_s=180)

    # --- peers

    def in_client(
        self, *command: str, timeout_s: float = COMMAND_TIMEOUT_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the client's namespace."""
        return run(*self.enter("client"), *command, timeout_s=timeout_s)

    def enter(self, peer: str) -> tuple[str, ...]:
        """The prefix of a command that runs it as ``client`` or ``origin``."""
        return ("ip", "netns", "exec", getattr(self.instance.namespaces, peer))

    def add_address(self, peer: str, address: str, device: str = "net0") -> None:
        """Add an address to a peer. It is the source only of connections that select it."""
        options = ["nodad", "preferred_lft", "0"] if ":" in address else []
        namespace = getattr(self.instance.namespaces, peer)
        done = run("ip", "-n", namespace, "address", "replace", address, "dev", device, *options)
        assert done.returncode == 0, done.stderr

    def curl(
        self, url: str, source: str | None = None, timeout_s: float = 30.0
    ) -> subprocess.CompletedProcess[str]:
        """Fetch a page as the client, from one of its addresses.

        Args:
            timeout_s: short only where no page is expected.
        """
        interface = ["--interface", source] if source else []
        bound = ["--max-time", str(timeout_s)]
        return self.in_client("curl", "-gsS", *bound, *interface, url)

    # --- the node

    def key(self) -> str:
        """The admin key, made at the first start."""
        return self.instance.admin_key.read_text().strip()

    def api(
        self,
        method: str,
        path: str,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float = 30.0,
        **arguments: Any,
    ) -> requests.Response:
        """Send a request to the management API; the path begins after ``/api/v1``."""
        return requests.request(
            method,
            f"http://{self.instance.address}:9999/api/v1{path}",
            headers={KEY_HEADER: key or self.key(), **(headers or {})},
            timeout=timeout_s,
            **arguments,
        )

    def change(
        self, method: str, path: str, key: str | None = None, **arguments: Any
    ) -> requests.Response:
        """Ask for a change; returns when it is in force, which on a busy machine can take a while.

        Args:
            arguments: As `api` takes them.
        """
        answer = self.api(method, path, key, **arguments)
        assert answer.ok, answer.text
        if answer.status_code == requests.codes.accepted:
            revision = answer.headers["Location"].removeprefix("/api/v1")

            def in_force() -> bool:
                state: str = self.api("GET", revision, key).json()["state"]
                assert state != "rejected", answer.text
                return state == "in_force"

            wait_for(in_force, f"{revision} is in force", bound_s=120, every_s=0.1)
        return answer

    def make_key(self, name: str) -> str:
        """A new key, because each key has its own rate limit."""
        made = self.api("POST", "/keys", json={"name": name, "role": "operate"})
        assert made.status_code == 201, made.text
        key: str = made.json()["key"]
        return key

    def metrics(self, port: int) -> str:
        """The metrics in Prometheus's text format."""
        answer = requests.get(f"http://{self.instance.address}:{port}/metrics", timeout=30)
        assert answer.status_code == 200
        return answer.text

    def stats(self) -> NodeStats:
        """The data plane's current statistics."""
        with observe(self.instance.socket) as observer:
            return observer.stats()

    def quiet_stats(self) -> NodeStats:
        """The statistics of a node without packets in flight."""

        def settled() -> NodeStats | None:
            first = self.stats()
            if any(port.held_now for port in first.ports.values()):
                return None
            time.sleep(0.05)  # time for a worker that has lost its core within a burst
            second = self.stats()
            return second if first.ports == second.ports else None

        return wait_for(settled, "no packet is on its way", every_s=0.1)

    def log(self, process: str) -> str:
        """The log of a process so far."""
        return (self.instance.logs / f"{process}.log").read_text(errors="replace")

    def _write(self, config: str) -> Path:
        descriptor, name = tempfile.mkstemp(suffix=".toml", prefix="secbeat-lab-")
        with os.fdopen(descriptor, "w") as file:
            file.write(config)
        self._config = Path(name)
        return self._config


def assert_ledgers(stats: NodeStats) -> None:
    """Check the two equations that are true when no packet is in flight."""
    for port in stats.ports.values():
        accounted = port.forwarded + port.consumed + sum(port.dropped.values()) + port.held_now
        assert port.received == accounted, port
    for kind, origin in stats.origins.items():
        assert origin.originated == origin.sent + origin.tx_full, kind
