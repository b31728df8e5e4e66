"""The fleet lets a node drain, and ends only what it has begun."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from api.agent.fleet.following.part import Applied, Desired
from api.agent.fleet.parts.drain import AGENT, DrainPart
from api.agent.node_api import NodeApi

EPOCH = "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002"


@dataclass
class FakeNode:
    """The node's API, as far as it drains."""

    by: str | None = None
    asked: list[str] = field(default_factory=list)

    def request(self, method: str, path: str) -> dict[str, Any]:
        self.asked.append(f"{method} {path}")
        if method == "POST":
            self.by = self.by or AGENT
        if method == "DELETE":
            self.by = None
        drain = None if self.by is None else {"since": "2026-11-30T00:00:00Z", "by": self.by}
        return {"draining": drain is not None, "drain": drain}


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def part(node: FakeNode) -> DrainPart:
    return DrainPart(cast("NodeApi", node))


@pytest.mark.parametrize(("state", "number"), [("active", 0), ("draining", 1)])
def test_it_is_wanted_by_the_state(part: DrainPart, state: str, number: int) -> None:
    assert part.wanted(Desired(EPOCH, state)) == number


def test_a_node_drains_and_works_again(node: FakeNode, part: DrainPart) -> None:
    assert part.apply(EPOCH, 1, None) == Applied(EPOCH, 1)
    assert node.by == AGENT
    assert part.apply(EPOCH, 0, Applied(EPOCH, 1)) == Applied(EPOCH, 0)
    assert node.by is None


def test_what_the_operator_asked_for_stays(node: FakeNode, part: DrainPart) -> None:
    node.by = "admin"
    part.apply(EPOCH, 0, None)
    part.leave()
    assert node.by == "admin"


def test_who_lets_it_work_again_is_not_heeded(node: FakeNode, part: DrainPart) -> None:
    done = part.apply(EPOCH, 1, None)
    assert part.check(done) == done
    node.by = None
    assert part.check(done) is None
    idle = Applied(EPOCH, 0)
    assert part.check(idle) == idle
