"""The link connects again for ever, backs off, says why once, and never hands out a dead client."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from api.agent.link import BACKOFF_MAX_S, Link, LinkStats
from api.agent.metrics.tally import AgentTally
from dataplane.base.errors import DataplaneAwayError, LeaseBusyError, SecBeatError


class FakeClient:
    def __init__(self) -> None:
        self.is_alive = True
        self.closed = 0

    def alive(self) -> bool:
        return self.is_alive

    def close(self) -> None:
        self.closed += 1

    def stats(self) -> Any:
        if not self.is_alive:
            raise DataplaneAwayError("the data plane has gone")
        return "statistics"


class Node:
    """What there is to connect to, and a clock."""

    def __init__(self) -> None:
        self.error: SecBeatError | None = None
        self.clients: list[FakeClient] = []
        self.tries = 0
        self.now_s = 0.0
        self.tally = AgentTally()
        self.link: Link[Any] = Link("observe", self.connect, self.tally, lambda: self.now_s)

    def connect(self) -> FakeClient:
        self.tries += 1
        if self.error is not None:
            raise self.error
        self.clients.append(FakeClient())
        return self.clients[-1]


@pytest.fixture
def node() -> Node:
    return Node()


def test_connects_once_and_keeps_the_client(node: Node) -> None:
    assert node.link.turn() is node.clients[0]
    assert node.link.turn() is node.clients[0]
    assert node.tries == 1


@pytest.mark.parametrize("error", [DataplaneAwayError("nobody"), LeaseBusyError("another")])
def test_backs_off_while_nobody_is_there(node: Node, error: SecBeatError) -> None:
    node.error = error
    waits, last_s = [], 0.0
    for _ in range(60 * 20):
        before = node.tries
        node.link.turn()
        if node.tries > before:
            waits.append(node.now_s - last_s)
            last_s = node.now_s
        node.now_s += 0.05
    assert waits[1] == pytest.approx(0.1, abs=0.06)
    assert all(later >= earlier - 0.06 for earlier, later in pairwise(waits[1:]))
    assert waits[-1] == pytest.approx(BACKOFF_MAX_S, abs=0.06)
    node.error = None
    node.now_s += BACKOFF_MAX_S
    assert node.link.turn() is not None


def test_connects_at_once_after_a_loss(node: Node) -> None:
    node.link.turn()
    node.clients[0].is_alive = False
    node.link.check()
    assert node.link.turn() is node.clients[1]
    assert node.clients[0].closed == 1


def test_a_client_that_may_hold_something_is_kept_until_it_is_used(node: Node) -> None:
    node.link.turn()
    node.clients[0].is_alive = False
    assert node.link.turn() is node.clients[0]
    assert node.link.use(lambda client: client.stats()) is None
    assert node.link.turn() is node.clients[1]


def test_a_reason_is_said_once(node: Node) -> None:
    with capture_logs() as lines:
        for node.error in [DataplaneAwayError("a")] * 3 + [DataplaneAwayError("b")] * 2:
            node.link.turn()
            node.now_s += 100
    assert [line["why"] for line in lines] == ["a", "b"]


def test_reading_tells_that_the_node_has_gone(node: Node) -> None:
    source = LinkStats(node.link)
    assert source.read() is None
    node.link.turn()
    assert source.read() == "statistics"
    node.clients[0].is_alive = False
    assert source.read() is None
    assert node.clients[0].closed == 1
    assert dict(node.tally.connected())["observe",] is False


def test_close_ends_the_lease_once(node: Node) -> None:
    node.link.turn()
    node.link.close()
    node.link.close()
    assert node.clients[0].closed == 1
