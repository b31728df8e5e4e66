"""A worker's memory of nodes has an end, and what waits is the newest."""

from __future__ import annotations

import pytest

from api.common.contract.schemas import rfc3339
from api.orchestrator.nodes.heartbeats import memory as module
from api.orchestrator.nodes.heartbeats.memory import Figures, Known, Memory, saying_of
from api.orchestrator.nodes.schemas import Heartbeat

NOW_MS = 1_790_000_000_000
SENT = Heartbeat(
    boot_id="b1",
    at=rfc3339(NOW_MS),
    mode="l7",
    health="healthy",
    load=0.1,
    version="0.1.0",
    address="10.0.1.10:9090",
)
KNOWN = Known(saying_of(SENT), "healthy", "active", None, 7)


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> Memory:
    monkeypatch.setattr(module, "NODES_MAX", 3)
    return Memory()


def _note(memory: Memory, node: str, now_ms: int = NOW_MS) -> bool:
    return memory.note(node, SENT, Figures.of(SENT, now_ms))


def test_the_node_that_is_silent_longest_is_forgotten_first(memory: Memory) -> None:
    for node in ("a", "b", "c"):
        memory.learn(node, KNOWN, NOW_MS)
    assert _note(memory, "a", NOW_MS + 1)
    memory.learn("d", KNOWN, NOW_MS + 2)
    assert not _note(memory, "b")
    assert _note(memory, "a", NOW_MS + 3)


def test_no_more_wait_than_may(memory: Memory) -> None:
    for node in ("a", "b", "c", "d"):
        memory.learn(node, KNOWN, NOW_MS)
        assert _note(memory, node) is (node != "d")
    assert memory.take_waiting().keys() == {"a", "b", "c"}
    assert memory.take_waiting() == {}
    assert _note(memory, "d")


def test_what_is_put_back_does_not_replace_what_came_since(memory: Memory) -> None:
    memory.learn("a", KNOWN, NOW_MS)
    assert _note(memory, "a")
    old = memory.take_waiting()["a"]
    memory.put_back("a", old)
    assert memory.take_waiting() == {"a": old}
    assert _note(memory, "a", NOW_MS + 1)
    memory.put_back("a", old)
    assert memory.take_waiting()["a"].figures.seen_ms == NOW_MS + 1


def test_a_saying_is_all_but_figures_and_incidents() -> None:
    figures = SENT.model_copy(update={"load": 0.9, "stats": {"a": 1}, "at": rfc3339(NOW_MS + 1)})
    assert saying_of(figures) == saying_of(SENT)
    kept = {"at", "load", "stats", "incidents"}
    assert kept == module._NO_SAYING
    for name in Heartbeat.model_fields.keys() - kept:
        assert saying_of(SENT.model_copy(update={name: None})) != saying_of(SENT) or (
            getattr(SENT, name) is None
        )
