"""What a node follows, part by part: policy, lists, rules. Each is one implementation of `Part`.

`Follower` decides when; a part knows how. All calls come from the follower's thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

State = Literal["applied", "pending", "rejected", "overridden"]
MESSAGE_LENGTH_MAX = 1000


@dataclass(frozen=True)
class Desired:
    """What the orchestrator wants of this node, by numbers (``GET /nodes/{id}/desired``)."""

    epoch: str
    """Which database of an orchestrator the numbers are of (a UUID)."""
    state: str = "active"
    """``active`` or ``draining``."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """Every other field of the answer: ``policy``, ``lists``, ``rules``."""


@dataclass(frozen=True)
class Applied:
    """What the node has done about one part."""

    epoch: str
    number: int
    state: State = "applied"
    """``applied``: in force. ``pending``: not yet, tried again soon. ``rejected``: refused, not
    tried again before another number is wanted. ``overridden``: the operator of this node has put
    something else in its place; `Part.check` says when that is over."""
    message: str | None = None
    """Why, at most `MESSAGE_LENGTH_MAX` characters."""


class Part(Protocol):
    """One part of what the fleet wants of its nodes."""

    @property
    def name(self) -> str:
        """``policy``, ``lists``, ``rules``: told in heartbeats, and the key of what is kept."""

    def wanted(self, desired: Desired) -> int | None:
        """The number that is to be applied; None: the fleet wants nothing, the node keeps its own.

        Quick, and asks nobody.
        """

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """Fetch what has that number and put it in force on this node.

        Called when (epoch, number) is not what `before` says, and again, later and later up to 30 s
        apart, while the answer is ``pending`` or it raises. It must be safe to do twice. The answer
        may have a higher number than asked for: what the orchestrator gave out meanwhile.

        Args:
            epoch: of the orchestrator's database; another one than `before` has: nothing that is
                known of numbers holds, so everything is fetched.
            number: as `wanted` gave it.
            before: what was applied last, by an earlier process too; None: nothing of a fleet.

        Raises:
            RequestError: the orchestrator or this node's API can't be reached, or says no; told as
                ``pending`` with that message.
        """

    def check(self, applied: Applied) -> Applied | None:
        """Whether what was applied, rejected or overridden still is so: asks only this node.

        Called when the agent starts and every ten seconds. Answers with `applied` itself if nothing
        has changed, with another one if it has (``overridden``), or with None if this node has lost
        it: then `apply` follows with ``before=None``. Raises RequestError: not known now.
        """

    def leave(self) -> None:
        """The node was deleted from the fleet: take away what does not outlive that.

        Entries of lists and rules go, a policy stays. Called again until it does not raise
        RequestError. Must be safe to do twice.
        """
