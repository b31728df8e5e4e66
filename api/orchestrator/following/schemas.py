"""What nodes ask of what they follow, and what people ask of how far that has come."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import FromDecimal, Strict


class DesiredBody(Strict):
    """What one node is to enforce, by numbers: what has another number than the node has, it
    fetches."""

    epoch: str
    """Which database the numbers are of (a UUID)."""
    state: Literal["active", "draining"]
    policy: int | None = None
    """Number of the policy's version; null: the fleet has none for this node."""
    lists: int = 0
    """The fleet's change that last touched its blacklist or allowlist; 0: never."""
    rules: int = 0
    """The same of its rules of the WAF."""


class SinceQuery(Strict):
    """What a node has: everything up to change ``since`` of ``epoch``. Without them: nothing."""

    epoch: Annotated[str, Field(max_length=64)] | None = None
    since: Annotated[int, Field(ge=0, le=10**18), FromDecimal] = 0
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
    """A node without a change, or with a part of it; ``message``: the node's own text."""

    node: str
    state: Literal["pending", "rejected", "unreachable"]
    message: str | None


class RevisionBody(Strict):
    """The spread of a change; the first twenty nodes ``without`` it, by id.

    ``in_force``: on every reachable node. ``rejected``: a node refuses a part of it; ``reason``.
    """

    revision: int
    state: Literal["pending", "in_force", "rejected"]
    reason: str | None
    nodes: NodeCounts
    without: list[NodeWithout]
