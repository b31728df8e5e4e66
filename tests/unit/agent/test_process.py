"""The agent as a process, with no data plane to talk to: it serves, says it is ready, and stops."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

BOUND_S = 30
RUN = """
import sys
from pathlib import Path
from api.agent.process import run
from api.agent.settings import AgentSettings
sys.exit(run(AgentSettings(Path(sys.argv[1]), sys.argv[2], sys.argv[3])))
"""


def free_binds() -> tuple[str, str]:
    """Two binds that were free a moment ago."""
    with socket.socket() as one, socket.socket() as other:
        binds = []
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
            binds.append(f"127.0.0.1:{each.getsockname()[1]}")
    return binds[0], binds[1]


@dataclass
class Agent:
    process: subprocess.Popen[str]
    manager: socket.socket
    public: str
    internal: str

    def said(self) -> str:
        """The next thing it tells the service manager."""
        return self.manager.recv(64).decode()

    def ready(self) -> None:
        assert self.said() == "READY=1"


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    public, internal = free_binds()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(BOUND_S)
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": str(tmp_path / "notify"),
            "WATCHDOG_USEC": "400000",
        }
        process = subprocess.Popen(
            [sys.executable, "-c", RUN, str(tmp_path / "dataplane.sock"), public, internal],
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        yield Agent(process, manager, public, internal)
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_with_0(agent: Agent, number: signal.Signals) -> None:
    agent.ready()
    agent.process.send_signal(number)
    _, log = agent.process.communicate(timeout=BOUND_S)
    assert agent.process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines()]
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "stopped"]


def test_it_feeds_the_watchdog_and_says_when_it_stops(agent: Agent) -> None:
    agent.ready()
    assert [agent.said(), agent.said()] == ["WATCHDOG=1"] * 2
    agent.process.terminate()
    while (said := agent.said()) == "WATCHDOG=1":
        pass
    assert said == "STOPPING=1"


def test_both_ports_answer_while_the_node_is_away(agent: Agent) -> None:
    agent.ready()
    public = requests.get(f"http://{agent.public}/metrics", timeout=BOUND_S).text
    internal = requests.get(f"http://{agent.internal}/metrics", timeout=BOUND_S).text
    assert "\nsecbeat_up 0.0\n" in public
    assert 'secbeat_agent_connected{client="observe"} 0.0\n' in internal
    assert "process_" not in public
    assert "secbeat_agent_process_resident_memory_bytes" in internal


def test_its_memory_stays_below_its_limit(agent: Agent) -> None:
    agent.ready()
    requests.get(f"http://{agent.public}/metrics", timeout=BOUND_S)
    status = Path(f"/proc/{agent.process.pid}/status").read_text()
    resident_kib = int(status.partition("VmRSS:")[2].split()[0])
    assert resident_kib <= 60 * 1024


def test_taken_port_is_said_and_ends_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        file = tmp_path / "secbeat.toml"
        file.write_text(
            f'[node]\nrun_dir = "{tmp_path}"\n[metrics]\npublic = "{bind}"\n'
            '[ports]\noutside = {device = "net_null0"}\ninside = {device = "net_null1"}\n'
        )
        done = subprocess.run(
            [sys.executable, "-m", "appliance.cli.processes", "agent", "--config", str(file)],
            capture_output=True,
            text=True,
            timeout=BOUND_S,
            check=False,
        )
    assert done.returncode == 78
    assert f"secbeat-agent: metrics on {bind}: Address already in use" in done.stderr
