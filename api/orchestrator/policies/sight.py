"""The progress of a deployment on each node, from the nodes' reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, select

from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.status import SILENT_MS, judge
from api.orchestrator.policies.ruling import Ruling, Standing
from api.orchestrator.policies.schemas import DeployedNode, NodeState
from api.storage.database import AnyRow

REJECTED_MAX = 20
"""Rejections that the outcome of a deployment names."""


@dataclass(frozen=True)
class Sight:
    """A deployment and the fleet, in one transaction."""

    row: AnyRow
    ruling: Ruling
    selected: tuple[AnyRow, ...]
    """Rows of the selected nodes, by id."""
    epoch: str
    now_ms: int

    @classmethod
    def read(cls, connection: Connection, row: AnyRow, now_ms: int) -> Sight:
        """Read the data for a row of ``deployments``."""
        selector = Standing.of(row).selector
        found = connection.execute(select(nodes).order_by(nodes.c.id))
        selected = tuple(each for each in found if selector.matches(each.labels))
        epoch = changes.epoch(connection)
        return cls(row, Ruling.read(connection), selected, epoch, now_ms)

    def nodes(self) -> Iterator[DeployedNode]:
        """Each selected node, by id."""
        return map(self.node, self.selected)

    def node(self, node: AnyRow) -> DeployedNode:
        """One selected node."""
        status, _ = judge(node, self.now_ms)
        silent_ms = self.now_ms - (node.seen_ms or node.registered_ms)
        state, message = self._state(node, is_away=silent_ms > SILENT_MS)
        return DeployedNode(node=node.id, state=state, message=message, status=status)

    def counts(self) -> dict[str, int]:
        """Nodes by state."""
        return dict(Counter(each.state for each in self.nodes()))

    def outcome(self) -> dict[str, object]:
        """The outcome that is stored when it ends."""
        found = list(self.nodes())
        rejected = [each for each in found if each.state == "rejected"][:REJECTED_MAX]
        return {
            "counts": dict(Counter(each.state for each in found)),
            "rejected": {each.node: each.message for each in rejected},
        }

    def _state(self, node: AnyRow, *, is_away: bool) -> tuple[NodeState, str | None]:
        this = Standing.of(self.row)
        if not self.row.stands and self.row.state != "done":
            return "withdrawn", None
        if unknown := this.unknown_to(node):
            types = ", ".join(unknown)
            return "rejected", f"{node.id} ({node.version}) does not know rules of type {types}"
        if not this.rules(node):
            return "waiting", None
        ruled = self.ruling.of(node)
        if ruled is None or ruled.id != this.id:
            return "superseded", None
        return self._reported(node, is_away=is_away)

    def _reported(self, node: AnyRow, *, is_away: bool) -> tuple[NodeState, str | None]:
        applied = node.applied.get("policy") or {}
        if applied.get("epoch") == self.epoch and applied.get("number") == self.row.policy:
            state: NodeState = applied["state"]
            if state != "pending":
                return state, applied.get("message")
        return ("unreachable" if is_away else "pending"), None
