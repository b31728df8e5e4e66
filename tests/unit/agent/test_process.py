"""The agent as a process, with no data plane to talk to: it serves, says it is ready, and stops."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.servers.agent import BOUND_S, ROOT, Agent, run_agent

MEMORY_KIB_MAX = 70_000_000 // 1024


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    with run_agent(tmp_path) as agent:
        yield agent


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
    assert agent.value(agent.public, "secbeat_up") == 0
    assert agent.value(agent.internal, "secbeat_agent_connected", client="observe") == 0
    name = "secbeat_agent_process_resident_memory_bytes"
    assert agent.value(agent.internal, name) is not None
    assert "process_" not in agent.text(agent.public)


def test_its_memory_stays_below_its_limit(agent: Agent) -> None:
    agent.ready()
    agent.text(agent.public)
    assert agent.resident_kib() <= MEMORY_KIB_MAX


def test_taken_port_is_said_and_ends_it(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        bind = f"127.0.0.1:{taken.getsockname()[1]}"
        file = tmp_path / "secbeat.toml"
        (tmp_path / "run-agent").mkdir()
        file.write_text(
            f'[node]\nname = "n"\nrun_dir = "{tmp_path}/run"\nstate_dir = "{tmp_path}"\n'
            f'[metrics]\npublic = "{bind}"\n'
            '[ports]\noutside = {device = "net_null0"}\ninside = {device = "net_null1"}\n'
        )
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "appliance.cli.processes",
                "agent",
                "--config",
                str(file),
            ],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=BOUND_S,
            check=False,
        )
    assert done.returncode == 78
    assert f"secbeat-agent: metrics on {bind}: Address already in use" in done.stderr
