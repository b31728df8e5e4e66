"""Lets this node drain while the fleet wants that.

What its operator has asked for on the node itself stays: the fleet ends only what it has begun.
"""

from __future__ import annotations

from typing import Any

from api.agent.fleet.following.part import Applied, Desired
from api.agent.node_api import NodeApi

AGENT = "agent"
"""Name of the key with which this node's agent asks."""


class DrainPart:
    """See `api.agent.fleet.following.part.Part`; 1: it is to drain, 0: not. The node keeps it."""

    name = "drain"

    def __init__(self, node: NodeApi) -> None:
        self._node = node

    def wanted(self, desired: Desired) -> int:
        """Whether the node is to drain."""
        return int(desired.state == "draining")

    def apply(self, epoch: str, number: int, before: Applied | None) -> Applied:
        """Ask the node's API for it."""
        del before  # the node says how it is
        if number:
            self._node.request("POST", "drain")
        else:
            self.leave()
        return Applied(epoch, number)

    def check(self, applied: Applied) -> Applied | None:
        """Whether somebody has let the node work again."""
        return None if applied.number and not self._now()["draining"] else applied

    def leave(self) -> None:
        """What the fleet has begun ends with it."""
        drain = self._now().get("drain")
        if drain is not None and drain["by"] == AGENT:
            self._node.request("DELETE", "drain")

    def _now(self) -> dict[str, Any]:
        return self._node.request("GET", "drain")
