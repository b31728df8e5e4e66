"""``secbeat fleet membership``: asks the agent of this host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from api.agent.control.server import ControlServer
from api.common.contract.errors import NotFoundError

BODY: dict[str, Any] = {
    "node": "edge-1",
    "url": "https://fleet.example:3030",
    "registered": True,
    "up": True,
    "reasons": ["clock_off"],
    "last_contact_at": "2026-01-01T00:00:00.000Z",
    "clock_ahead_ms": 6000,
    "key_is_replaced": False,
    "applied": [{"part": "policy", "number": 7, "state": "rejected", "message": "unknown type"}],
}
Start = Callable[..., Path]


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Start]:
    servers = []

    def start(answer: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Path:
        path = tmp_path / "agent.sock"
        actions = {"fleet.membership": answer, "fleet.rotate_key": answer}
        servers.append(ControlServer(path, actions))
        servers[-1].start()
        return path

    yield start
    for server in servers:
        server.close()


def test_it_shows_how_the_node_stands(agent: Start, secbeat: Any) -> None:
    done = secbeat("fleet", "membership", "show", "--socket", agent(lambda _: BODY))
    assert done.code == 0
    assert "edge-1" in done.out
    assert "https://fleet.example:3030: answers" in done.out
    assert "clock_off" in done.out
    assert "policy\t7\trejected\tunknown type" in done.out


def test_key_is_being_replaced(agent: Start, secbeat: Any) -> None:
    asked: list[Mapping[str, Any]] = []

    def answer(question: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(question)
        return {**BODY, "key_is_replaced": True, "up": False, "applied": []}

    done = secbeat("fleet", "membership", "rotate-key", "--socket", agent(answer))
    assert asked[0]["do"] == "fleet.rotate_key"
    assert "is being replaced" in done.out


def test_node_without_a_fleet(agent: Start, secbeat: Any) -> None:
    def answer(_question: Mapping[str, Any]) -> dict[str, Any]:
        raise NotFoundError("this node is in no fleet: secbeat.toml has no fleet.url")

    done = secbeat("fleet", "membership", "show", "--socket", agent(answer))
    assert done.code != 0
    assert "this node is in no fleet" in done.err
