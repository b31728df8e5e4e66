"""Requests of nodes about their desired state, and of operators about the spread of changes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import FromDecimal, Strict


class DesiredBody(Strict):
    """The desired state of one node, as numbers. The node fetches each part whose number differs
    from its own."""

    epoch: str
    """The database that the numbers belong to (a UUID)."""
    state: Literal["active", "draining"]
    policy: int | None = None
    """Number of the policy's version; null: the fleet has no policy for this node."""
    lists: int = 0
    """The fleet's change that last changed its blacklist or allowlist; 0: there was none."""
    rules: int = 0
    """The fleet's change that last changed its rules of the WAF; 0: there was none."""


class SinceQuery(Strict):
    """The state of a node: it has everything up to change ``since`` of ``epoch``. Without these
    fields: it has nothing."""

    epoch: Annotated[str, Field(max_length=64)] | None = None
    since: Annotated[int, Field(ge=0, lt=10**18), FromDecimal] = 0
    cursor: str | None = None


class NodeCounts(Strict):
    """Numbers of nodes by their state about a change of lists or rules."""

    applied: int = 0
    pending: int = 0
    """Reachable nodes without the change."""
    rejected: int = 0
    """Nodes that have applied the change and refused a part of it."""
    unreachable: int = 0
    """Nodes without the change that have been silent for 30 s."""
    of: int


class NodeWithout(Strict):
    """A node without a change, or with a part of it; ``message``: text from the node."""

    node: str
    state: Literal["pending", "rejected", "unreachable"]
    message: str | None


class RevisionBody(Strict):
    """The spread of a change; ``without`` names the first twenty nodes that lack it, by id.

    ``in_force``: on every reachable node. ``rejected``: a node refuses a part of it, for
    ``reason``.
    """

    revision: int
    state: Literal["pending", "in_force", "rejected"]
    reason: str | None
    nodes: NodeCounts
    without: list[NodeWithout]
