"""Lets this node drain while the fleet wants it.

A drain that the node's operator has requested stays: the fleet ends only its own drain.
"""

from __future__ import annotations

from typing import Any

from api.agent.fleet.following.part import Applied, Desired
from api.agent.node_api import NodeApi

AGENT = "agent"
"""Name of the key that the agent of this node uses."""


class DrainPart:
    """See `api.agent.fleet.following.part.Part`; number 1: drain, 0: do not. The node stores the
    state."""

    name = "drain"

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def wanted(self, desired: Desired) -> int:
        """1 if the node is to drain, else 0."""
        return int(desired.state == "draining")

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """Send the request to the node's API."""
        del before  # the node's API has the state
        if number:
            self._node.request("POST", "drain")
        else:
            self.leave()
        return Applied(epoch, number)

    def check(self, applied: Applied) -> Applied | None:
        """Check whether an operator has ended the drain."""
        return None if applied.number and not self._now()["draining"] else applied

    def leave(self) -> None:
        """End the drain that the fleet has begun."""
        drain = self._now().get("drain")
        if drain is not None and drain["by"] == AGENT:
            self._node.request("DELETE", "drain")

    def _now(self) -> dict[str, Any]:
        return self._node.request("GET", "drain")
