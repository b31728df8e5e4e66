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
    """Nodes by what they have of a change of lists or rules."""

    applied: int = 0
    pending: int = 0
    """They are heard, and do not have it yet."""
    rejected: int = 0
    """They have taken the change and refused some of it."""
    unreachable: int = 0
    """They do not have it, and have been silent for 30 s."""
    of: int


class NodeWithout(Strict):
    """A node that does not have a change, or not all of it; ``message``: what it says itself."""

    node: str
    state: Literal["pending", "rejected", "unreachable"]
    message: str | None


class RevisionBody(Strict):
    """How far a change has come; the first twenty nodes ``without`` it, by id.

    ``in_force``: on every node that is heard. ``rejected``: a node refuses some of it; ``reason``.
    """

    revision: int
    state: Literal["pending", "in_force", "rejected"]
    reason: str | None
    nodes: NodeCounts
    without: list[NodeWithout]
