"""An agent in its own process, and a service manager that receives its notifications."""

from __future__ import annotations

import json
import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import requests
from prometheus_client.parser import text_string_to_metric_families

from api.agent.settings import AgentSettings
from api.webhooks.settings import WebhookSettings
from tests.support.network.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
BOUND_S = 60
_RUN = """
import pickle, sys
from api.agent.process import run
sys.exit(run(pickle.loads(bytes.fromhex(sys.argv[1]))))
"""


@dataclass
class Agent:
    """A running agent."""

    process: subprocess.Popen[str]
    manager: socket.socket
    public: str
    internal: str
    control: Path
    log: list[dict[str, Any]] = field(default_factory=list)

    def said(self) -> str:
        """The agent's next notification to the service manager."""
        until = time.monotonic() + BOUND_S
        while time.monotonic() < until:
            with suppress(TimeoutError):
                return self.manager.recv(64).decode()
            if self.process.poll() is not None:
                _, log = self.process.communicate()
                raise AssertionError(f"it ended with {self.process.returncode}: {log}")
        raise AssertionError("it said nothing")

    def ready(self) -> None:
        """Wait until the agent is ready."""
        assert self.said() == "READY=1"

    def text(self, bind: str) -> str:
        """The metrics of a port."""
        return requests.get(f"http://{bind}/metrics", timeout=BOUND_S).text

    def value(self, bind: str, name: str, **labels: str) -> float | None:
        """The value of one sample; None: it does not exist."""
        for family in text_string_to_metric_families(self.text(bind)):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return None

    def resident_kib(self) -> int:
        """Resident memory in KiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    def log_until(self, event: str) -> dict[str, Any]:
        """Read the log up to a line with this event; returns the line."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(json.loads(line))
            if self.log[-1]["event"] == event:
                return self.log[-1]
        raise AssertionError(f"no {event} in {self.log}")


def settings_in(directory: Path, **changes: Any) -> AgentSettings:
    """Settings of an agent with all files in this directory."""
    public, internal = (f"127.0.0.1:{free_port()}" for _ in range(2))
    fixed = AgentSettings(
        socket=directory / "dataplane.sock",
        events=directory / "agent" / "events.db",
        control=directory / "agent.sock",
        node_id="node-1",
        public=(public,),
        internal=(internal,),
        state_dir=directory,
        webhooks=WebhookSettings(secret_file=directory / "agent" / "webhooks.secret"),
    )
    return replace(fixed, **changes)


@contextmanager
def run_agent(
    directory: Path,
    environment: Mapping[str, str] | None = None,
    settings: AgentSettings | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[Agent]:
    """Run an agent of the data plane that listens in this directory, or will listen there.

    ``prefix``: a command that runs it, for example to enter a namespace.
    """
    settings = settings or settings_in(directory)
    (public, *_), (internal, *_) = settings.public, settings.internal
    notify = directory / f"notify-{public.rpartition(':')[2]}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        notify.unlink(missing_ok=True)
        manager.bind(str(notify))
        manager.settimeout(0.2)
        process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _RUN, pickle.dumps(settings).hex()],
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={
                **os.environ,
                "NOTIFY_SOCKET": str(notify),
                "WATCHDOG_USEC": "400000",
                **(environment or {}),
            },
        )
        try:
            yield Agent(process, manager, public, internal, settings.control)
        finally:
            process.kill()
            process.communicate()
