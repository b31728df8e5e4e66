"""The agent as a process in a fleet, with an orchestrator and no data plane."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from api.agent.fleet.orchestrator.key import digest
from api.agent.fleet.settings import FleetSettings
from api.common.line_protocol import ask
from tests.support.certificates import Authority
from tests.support.fakes.fake_orchestrator import TOKEN, FakeOrchestrator, orchestrating
from tests.support.network.ports import free_port
from tests.support.servers.agent import BOUND_S, Agent, run_agent, settings_in
from tests.support.waiting import wait_for

MEMORY_KIB_MAX = 70_000_000 // 1024


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[FakeOrchestrator, Path]]:
    """An orchestrator with TLS, and the file with its CA."""
    ca = Authority(tmp_path)
    with orchestrating(ca.issue("127.0.0.1")) as fake:
        yield fake, ca.file


@contextmanager
def running(directory: Path, url: str, ca_file: Path) -> Iterator[Agent]:
    """An agent that joins the fleet at this URL."""
    token = directory / "token"
    token.write_text(TOKEN)
    fleet = FleetSettings(url, token, directory / "agent", "u-u-i-d", ca_file)
    with run_agent(directory, settings=settings_in(directory, fleet=fleet)) as agent:
        agent.ready()
        yield agent


@pytest.fixture
def agent(secure: tuple[FakeOrchestrator, Path], tmp_path: Path) -> Iterator[Agent]:
    fake, ca_file = secure
    with running(tmp_path, fake.url, ca_file) as agent:
        yield agent


def test_agent_enrols_reports_and_follows(
    agent: Agent, secure: tuple[FakeOrchestrator, Path]
) -> None:
    fake, _ = secure
    wait_for(lambda: fake.count("desired", 304) >= 2, "the second poll", bound_s=BOUND_S)
    wait_for(lambda: fake.count("heartbeat", 200), "a heartbeat", bound_s=BOUND_S)
    said = next(body for what, body in fake.bodies if what == "heartbeat")
    assert said["health"] == "unhealthy"
    assert "dataplane_away" in said["reasons"]
    assert agent.value(agent.internal, "secbeat_fleet_up") == 1
    assert agent.resident_kib() <= MEMORY_KIB_MAX


def test_key_is_replaced_when_the_operator_wants_it(
    agent: Agent, secure: tuple[FakeOrchestrator, Path], tmp_path: Path
) -> None:
    fake, _ = secure
    wait_for(lambda: fake.count("desired", 200), "the first poll", bound_s=BOUND_S)
    before = fake.keys["node-1"]
    assert ask(agent.control, {"do": "fleet.rotate_key"}, BOUND_S)["key_is_replaced"]

    def done() -> bool:
        found = ask(agent.control, {"do": "fleet.membership"}, BOUND_S)
        assert found["node"] == "node-1"
        return not found["key_is_replaced"] and found["up"]

    wait_for(done, "the key is replaced", bound_s=BOUND_S)
    assert fake.keys["node-1"] != before
    key = (tmp_path / "agent" / "fleet.key").read_text().strip()
    assert fake.keys["node-1"] == digest(key)


def test_clock_that_is_off_degrades_the_node(
    agent: Agent, secure: tuple[FakeOrchestrator, Path]
) -> None:
    """The orchestrator of these tests lives in January 2026."""
    fake, _ = secure
    wait_for(lambda: fake.count("heartbeat", 200), "a heartbeat", bound_s=BOUND_S)

    def said() -> bool:
        return "clock_off" in ask(agent.control, {"do": "status"}, BOUND_S)["reasons"]

    wait_for(said, "the reason", bound_s=BOUND_S)


def test_a_member_that_was_restarted_without_its_orchestrator_stays_registered(
    secure: tuple[FakeOrchestrator, Path], tmp_path: Path
) -> None:
    fake, ca_file = secure
    with running(tmp_path, fake.url, ca_file):
        wait_for(lambda: fake.count("desired", 304), "the second poll", bound_s=BOUND_S)
    with running(tmp_path, f"https://127.0.0.1:{free_port()}", ca_file) as agent:
        found = ask(agent.control, {"do": "fleet.membership"}, BOUND_S)
    assert (found["registered"], found["up"], found["last_contact_at"]) == (True, False, None)
