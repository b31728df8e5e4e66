"""The parts that a node follows: policy, lists, rules, drain. Each is one implementation of `Part`.

`Follower` decides when a part is applied; the part implements how. All calls come from the
follower's thread, one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

State = Literal["applied", "pending", "rejected", "overridden"]
MESSAGE_LENGTH_MAX = 1000


@dataclass(frozen=True)
class Desired:
    """The state that the orchestrator wants of this node, as numbers (``GET
    /nodes/{id}/desired``)."""

    epoch: str
    """The database of the orchestrator that the numbers belong to (a UUID)."""
    state: str = "active"
    """``active`` or ``draining``."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """All other fields of the answer: ``policy``, ``lists``, ``rules``."""


@dataclass(frozen=True)
class Applied:
    """The result of one part: what the node has applied."""

    epoch: str
    number: int
    state: State = "applied"
    """``applied``: in force. ``pending``: not in force yet, the node tries again soon.
    ``rejected``: refused, the node tries again when another number is wanted. ``overridden``: the
    node's operator has replaced it; `Part.check` reports when that ends."""
    message: str | None = None
    """The reason, at most `MESSAGE_LENGTH_MAX` characters."""


class Part(Protocol):
    """One part of the state that the orchestrator wants of its nodes."""

    @property
    def name(self) -> str:
        """``policy``, ``lists`` and so on: the name in heartbeats and in the stored progress."""

    def wanted(self, desired: Desired) -> int | None:
        """The number to be applied; None: the fleet wants nothing, and the node keeps its own
        state.

        Fast, and sends no request.
        """

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """Fetch the state with this number, and put it in force on this node.

        Called when (epoch, number) differs from `before`. Called again, at growing intervals of at
        most 30 s, while the answer is ``pending`` or the call raises. It must be safe to call
        twice. The answer may have a higher number than the requested one, if the orchestrator has
        issued a newer state.

        Args:
            epoch: of the orchestrator's database. If it differs from the epoch of `before`, no
                earlier number is valid, so everything is fetched.
            number: as `wanted` returned it.
            before: the last applied state, also of an earlier process; None: no state of a fleet.

        Raises:
            RequestError: the orchestrator or this node's API can't be reached, or refuses the
                request. It is reported as ``pending`` with that message.
        """

    def check(self, applied: Applied) -> Applied | None:
        """Check that the applied, rejected or overridden state still holds; asks this node only.

        Called when the agent starts and every ten seconds. Returns `applied` itself if nothing has
        changed, another value if something has (``overridden``), or None if this node has lost the
        state: then `apply` follows with ``before=None``. Raises RequestError: not known now.
        """

    def leave(self) -> None:
        """The node was deleted from the fleet: remove the fleet's state from the node.

        Entries of lists and rules are removed, a policy stays. Called again until it does not raise
        RequestError. Must be safe to call twice.
        """
