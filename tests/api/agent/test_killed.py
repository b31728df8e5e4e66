"""kill -9 of the agent between recording and delivery: nothing is lost, and nothing told twice."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

from api.agent.settings import AgentSettings
from api.webhooks.settings import WebhookSettings
from tests.support.servers.agent import run_agent, settings_in
from tests.support.servers.receiver import Answer, Got, Receiver, receiving
from tests.support.waiting import wait_for

MEMORY_KIB_MAX = 70 * 1024


def settings(tmp_path: Path, receiver: Receiver) -> AgentSettings:
    webhooks = WebhookSettings(
        endpoints=(receiver.url,),
        events=("node_health",),
        secret_file=tmp_path / "webhooks.secret",
        allow_hosts=("127.0.0.1",),
    )
    return replace(settings_in(tmp_path), events=tmp_path / "events.db", webhooks=webhooks)


def test_an_event_that_was_recorded_and_not_delivered_comes_from_the_next_agent(
    tmp_path: Path,
) -> None:
    killed = threading.Event()

    def answer(_got: Got) -> Answer:
        killed.wait(60)
        return 204, {}

    with receiving() as receiver:
        receiver.answer = answer
        wanted = settings(tmp_path, receiver)
        with run_agent(tmp_path, settings=wanted) as agent:
            agent.ready()
            wait_for(lambda: receiver.got, "the event is under way", bound_s=60)
            assert agent.resident_kib() <= MEMORY_KIB_MAX
            agent.process.kill()
            agent.process.wait()
            killed.set()
        wait_for(lambda: len(receiver.taken) == 1, "the first attempt ends")
        with run_agent(tmp_path, settings=wanted) as agent:
            agent.ready()
            wait_for(lambda: len(receiver.taken) == 2, "the event comes again")
        first, second = receiver.taken
        assert first.id == second.id
        assert first.body == second.body
