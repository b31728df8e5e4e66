"""The agent brings the fleet's policy to its node, and says how that ended."""

from __future__ import annotations

from typing import Any, cast

import pytest

from api.agent.fleet.following.part import Applied, Desired
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.parts.policy import PolicyPart
from api.agent.node_api import NodeApi, RequestError

EPOCH, OTHER = "5f3c2f7e-8f0e-4b8a-9a51-0242ac120002", "00000000-8f0e-4b8a-9a51-0242ac120002"
DOCUMENT = {"name": "strict", "rules": []}


class Node:
    """The node's management API."""

    def __init__(self) -> None:
        self.fleet: dict[str, Any] | None = None
        self.state = "in_force"
        self.refuses: RequestError | None = None
        self.asked: list[tuple[str, str]] = []

    def request(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        if method == "GET":
            return {"revision": 3, "state": self.state, "fleet": self.fleet}
        self.asked.append((method, path))
        if self.refuses is not None:
            raise self.refuses
        if method == "DELETE":
            self.fleet = None
            return {}
        assert body == DOCUMENT
        epoch, _, number = path.partition("fleet=")[2].partition("&")[0].rpartition(".")
        self.fleet = {"epoch": epoch, "number": int(number), "overridden": False}
        return {"state": self.state}


class Orchestrator:
    """What `Session` gives."""

    def __init__(self) -> None:
        self.number = 4
        self.accept_exempt = False

    def get(self, path: str) -> dict[str, Any]:
        assert path == "nodes/node-1/policy"
        return {
            "epoch": EPOCH,
            "number": self.number,
            "name": "strict",
            "accept_exempt": self.accept_exempt,
            "policy": DOCUMENT,
        }


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def orchestrator() -> Orchestrator:
    return Orchestrator()


@pytest.fixture
def part(node: Node, orchestrator: Orchestrator) -> PolicyPart:
    return PolicyPart("node-1", cast("NodeApi", node), cast("Session", orchestrator))


def test_a_policy_is_fetched_put_and_applied_once(part: PolicyPart, node: Node) -> None:
    assert part.wanted(Desired(EPOCH, numbers={"policy": 4})) == 4
    for _ in range(2):
        assert part.apply(EPOCH, 4, None) == Applied(EPOCH, 4)
    assert node.asked == [("PUT", f"policy?fleet={EPOCH}.4")]


def test_what_came_meanwhile_is_told_with_its_own_number(
    part: PolicyPart, orchestrator: Orchestrator
) -> None:
    orchestrator.number = 5
    assert part.apply(EPOCH, 4, None) == Applied(EPOCH, 5)


def test_exemptions_that_the_fleet_accepts_are_accepted(
    part: PolicyPart, node: Node, orchestrator: Orchestrator
) -> None:
    orchestrator.accept_exempt = True
    part.apply(EPOCH, 4, None)
    assert node.asked[0][1].endswith("&accept_exempt=true")


@pytest.mark.parametrize("status", [409, 413, 422])
def test_a_refusal_is_told_in_the_node_s_words(part: PolicyPart, node: Node, status: int) -> None:
    node.refuses = RequestError(status, "PUT policy: HTTP 422: no room", "no room")
    assert part.apply(EPOCH, 4, None) == Applied(EPOCH, 4, "rejected", "no room")


@pytest.mark.parametrize("status", [0, 401, 500, 503])
def test_what_is_not_the_policy_s_fault_is_tried_again(
    part: PolicyPart, node: Node, status: int
) -> None:
    node.refuses = RequestError(status, "away")
    with pytest.raises(RequestError):
        part.apply(EPOCH, 4, None)


def test_an_override_is_told_until_it_is_given_back(part: PolicyPart, node: Node) -> None:
    node.fleet = {"epoch": EPOCH, "number": 3, "overridden": True}
    applied = part.apply(EPOCH, 4, Applied(EPOCH, 3))
    assert (applied.state, node.asked) == ("overridden", [])
    assert part.check(applied) is applied
    node.fleet["overridden"] = False
    assert part.check(applied) is None
    assert part.apply(EPOCH, 4, None) == Applied(EPOCH, 4)


def test_an_override_is_noticed(part: PolicyPart, node: Node) -> None:
    applied = part.apply(EPOCH, 4, None)
    assert part.check(applied) is applied
    assert node.fleet is not None
    node.fleet["overridden"] = True
    found = part.check(applied)
    assert found is not None
    assert (found.number, found.state) == (4, "overridden")


def test_a_node_that_has_lost_the_policy_gets_it_again(part: PolicyPart, node: Node) -> None:
    applied = part.apply(EPOCH, 4, None)
    node.fleet = None
    assert part.check(applied) is None


def test_a_policy_that_is_not_in_force_yet_is_pending(part: PolicyPart, node: Node) -> None:
    node.state = "pending"
    assert part.apply(EPOCH, 4, None).state == "pending"
    node.state = "in_force"
    assert part.apply(EPOCH, 4, None).state == "applied"


def test_no_policy_lets_the_node_go_if_it_holds_one_of_that_epoch(
    part: PolicyPart, node: Node
) -> None:
    assert part.wanted(Desired(EPOCH, numbers={"policy": None})) == 0
    assert part.apply(EPOCH, 0, None) == Applied(EPOCH, 0)
    node.fleet = {"epoch": OTHER, "number": 3, "overridden": False}
    assert part.apply(EPOCH, 0, None) == Applied(EPOCH, 0)
    assert node.asked == []
    node.fleet = {"epoch": EPOCH, "number": 3, "overridden": False}
    assert part.apply(EPOCH, 0, None) == Applied(EPOCH, 0)
    assert node.asked == [("DELETE", "policy/fleet")]
