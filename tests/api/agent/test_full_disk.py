"""The agent on a disk that is really full, or read-only: it says so, goes on, and recovers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from api.agent.settings import AgentSettings
from api.webhooks.settings import WebhookSettings
from tests.support.servers.agent import Agent, run_agent, settings_in
from tests.support.servers.receiver import Receiver, receiving
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.waiting import wait_for


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    mounted = tmp_path / "disk"
    mounted.mkdir()
    with small_disk(mounted) as made:
        yield made


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


TRIES = 3


def settings(
    tmp_path: Path, disk: SmallDisk, receiver: Receiver, name: str = "agent"
) -> AgentSettings:
    directory = disk.inside / name
    webhooks = WebhookSettings(
        endpoints=(receiver.url,),
        events=("node_health",),
        secret_file=directory / "webhooks.secret",
        allow_hosts=("127.0.0.1",),
    )
    return replace(settings_in(tmp_path), events=directory / "events.db", webhooks=webhooks)


def is_writable(agent: Agent) -> bool:
    return agent.value(agent.public, "secbeat_events_writable") == 1


def test_an_agent_that_starts_on_a_full_disk_goes_on_and_records_once_there_is_room(
    tmp_path: Path, disk: SmallDisk, receiver: Receiver
) -> None:
    wanted = settings(tmp_path, disk, receiver)
    with disk.kept_full(), run_agent(tmp_path, settings=wanted, prefix=disk.enter) as agent:
        agent.ready()
        for _ in range(3):
            assert agent.said() == "WATCHDOG=1"
            assert not is_writable(agent)
        assert agent.value(agent.public, "secbeat_up") == 0
    disk.free()
    with run_agent(tmp_path, settings=wanted, prefix=disk.enter) as agent:
        agent.ready()
        wait_for(lambda: is_writable(agent), "events can be recorded")


def test_what_happens_while_nothing_can_be_written_is_told_afterwards(
    tmp_path: Path, disk: SmallDisk, receiver: Receiver
) -> None:
    """There is no data plane, so after ten seconds there is an event that says so."""

    def is_silent_while_full(number: int) -> bool:
        """A machine that needs ten seconds to fill the disk is told of the event before."""
        receiver.got.clear()
        receiver.taken.clear()
        wanted = settings(tmp_path, disk, receiver, f"agent{number}")
        with run_agent(tmp_path, settings=wanted, prefix=disk.enter) as agent:
            agent.ready()
            wait_for(lambda: is_writable(agent), "events can be recorded")
            with disk.kept_full():
                wait_for(lambda: not is_writable(agent), "it says that they can't", bound_s=60)
                is_silent = receiver.got == []
                assert agent.process.poll() is None
            disk.free()
            wait_for(lambda: is_writable(agent), "it can again")
            wait_for(lambda: receiver.taken, "the event")
        return is_silent

    assert any(map(is_silent_while_full, range(TRIES)))
    (got,) = receiver.taken
    assert got.event["event"] == "node_health"
    assert got.event["data"]["status"] == "unhealthy"
    assert "dataplane_away" in got.event["data"]["reasons"]


def test_a_disk_that_becomes_read_only_is_said_and_recovered_from(
    tmp_path: Path, disk: SmallDisk, receiver: Receiver
) -> None:
    wanted = settings(tmp_path, disk, receiver)
    disk.remount("ro")
    with run_agent(tmp_path, settings=wanted, prefix=disk.enter) as agent:
        agent.ready()
        assert not is_writable(agent)
        disk.remount("rw")
        wait_for(lambda: is_writable(agent), "events can be recorded")
        secret = disk.outside / "agent" / "webhooks.secret"
        wait_for(secret.exists, "the secret is made")
