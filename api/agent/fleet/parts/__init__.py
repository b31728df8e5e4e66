"""The parts that a node follows. Each part has a module here and a line in `make`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from api.agent.fleet.following.database import NodeDatabase
from api.agent.fleet.following.part import Part
from api.agent.fleet.orchestrator.session import Session
from api.agent.fleet.parts.drain import DrainPart
from api.agent.fleet.parts.lists import ListsPart
from api.agent.fleet.parts.policy import PolicyPart
from api.agent.fleet.parts.rules import RulesPart
from api.agent.node_api import NodeApi


@dataclass(frozen=True)
class Around:
    """The objects that a part may use."""

    node_id: str
    """The node's id in the fleet."""
    node: NodeApi
    """This node's management API, with the agent's key."""
    orchestrator: Session
    """The orchestrator, with the node's own key: ``get(f"nodes/{node_id}/lists?since=7")``."""
    directory: Path
    """The agent's state directory: ``<state_dir>/agent``."""


def make(around: Around) -> Sequence[Part]:
    """All parts, in the order in which they are applied."""
    about = (around.node_id, around.node, around.orchestrator)
    lists, rules = (
        NodeDatabase(around.node, around.directory / f"fleet-{name}.json")
        for name in ("lists", "rules")
    )
    return (
        DrainPart(around.node),
        PolicyPart(*about),
        ListsPart(*about, around.directory, lists),
        RulesPart(*about, rules),
    )
