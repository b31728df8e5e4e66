"""The agent beside a data plane: real socket, real shared memory, real rings; no ports."""

from __future__ import annotations

import ctypes
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dataplane.native import library as loader
from tests.support.servers.agent import BOUND_S, ROOT, Agent, run_agent
from tests.support.servers.dataplane import spawn

MEMORY_KIB_MAX = 70_000_000 // 1024


@pytest.fixture
def environment(library: ctypes.CDLL) -> dict[str, str]:
    """Both processes load the library that was built for the tests."""
    del library
    return {loader.ENVIRONMENT_VARIABLE: str(ROOT / "build" / "libsecbeat-pipeline.so")}


@pytest.fixture
def agent(tmp_path: Path, environment: dict[str, str]) -> Iterator[Agent]:
    (tmp_path / "state").mkdir()
    with run_agent(tmp_path, environment) as agent:
        agent.ready()
        yield agent


def eventually(condition: Callable[[], object]) -> None:
    """Wait for a condition, as long as a test may."""
    until = time.monotonic() + BOUND_S
    while not condition():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.02)


def refused_by(path: Path) -> None:
    """Be a client that the data plane refuses, which it notices."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as hostile:
        hostile.connect(str(path))
        hostile.settimeout(BOUND_S)
        hostile.send(b"garbage")
        hostile.recv(4096)


def is_up(agent: Agent) -> bool:
    return agent.value(agent.public, "secbeat_up") == 1


def has_events(agent: Agent) -> bool:
    return agent.value(agent.internal, "secbeat_agent_connected", client="events") == 1


def test_shows_the_node_and_stays_below_its_memory_limit(agent: Agent, tmp_path: Path) -> None:
    with spawn(tmp_path / "dataplane.sock", tmp_path / "state"):
        eventually(lambda: is_up(agent) and has_events(agent))
        assert agent.value(agent.public, "secbeat_lists_addresses_max") == 100_000
        assert agent.value(agent.public, "secbeat_state", state="running") == 1
        assert agent.value(agent.public, "secbeat_packets_processed_total") == 0
        assert agent.value(agent.internal, "secbeat_revision_applied") == 0
        assert agent.resident_kib() <= MEMORY_KIB_MAX


def test_a_node_that_is_killed_is_down_and_comes_back(agent: Agent, tmp_path: Path) -> None:
    for _ in range(2):
        with spawn(tmp_path / "dataplane.sock", tmp_path / "state") as process:
            eventually(lambda: is_up(agent) and has_events(agent))
            process.kill()
            process.wait()
            eventually(lambda: not is_up(agent))
            assert agent.value(agent.public, "secbeat_packets_processed_total") is None
    eventually(lambda: not has_events(agent))
    connections = "secbeat_agent_connections_total"
    assert agent.value(agent.internal, connections, client="observe") == 2


def test_notices_are_logged_and_counted(agent: Agent, tmp_path: Path) -> None:
    with spawn(tmp_path / "dataplane.sock", tmp_path / "state"):
        eventually(lambda: has_events(agent))
        refused_by(tmp_path / "dataplane.sock")
        line = agent.log_until("client_refused")
        assert line["level"] == "warning"
        counted = "secbeat_agent_events_total"
        assert (agent.value(agent.internal, counted, kind="client_refused") or 0) >= 1


def test_what_a_data_plane_said_last_is_heard(agent: Agent, tmp_path: Path) -> None:
    with spawn(tmp_path / "dataplane.sock", tmp_path / "state") as process:
        eventually(lambda: has_events(agent))
        agent.process.send_signal(signal.SIGSTOP)
        try:
            refused_by(tmp_path / "dataplane.sock")
            process.kill()
            process.wait()
        finally:
            agent.process.send_signal(signal.SIGCONT)
        assert agent.log_until("client_refused")


def test_a_second_agent_waits_for_the_events_and_shows_metrics_meanwhile(
    agent: Agent, tmp_path: Path, environment: dict[str, str]
) -> None:
    with spawn(tmp_path / "dataplane.sock", tmp_path / "state"):
        eventually(lambda: has_events(agent))
        with run_agent(tmp_path, environment) as second:
            second.ready()
            eventually(lambda: is_up(second))
            assert second.log_until("waiting")["client"] == "events"
            assert not has_events(second)
            agent.process.kill()
            eventually(lambda: has_events(second))
