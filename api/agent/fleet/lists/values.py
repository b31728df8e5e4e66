"""Entries of the lists as the agent handles them: wanted by the fleet, and held by this node."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from api.common.contract.schemas import utc_ms
from api.lists import kinds
from dataplane.base.networks import Network
from dataplane.statelog import ListName

Key = tuple[int, bytes, int]
"""List, key and length of a network: the sort order of both APIs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; its end is on this host's clock."""

    list: ListName
    network: Network
    reason: str | None
    ends_ms: int | None

    @property
    def key(self) -> Key:
        """The sort key of the entry in both lists."""
        return key_of(self.list, self.network)

    def left_s(self, now_ms: int) -> int | None:
        """Remaining time in seconds, rounded up; 0: it is over; None: it has no end."""
        if self.ends_ms is None:
            return None
        return max(0, -(-(self.ends_ms - now_ms) // 1000))

    def body(self, now_ms: int) -> dict[str, Any]:
        """The entry as a body of POST, and as a line of an import."""
        found: dict[str, Any] = {"ip": str(self.network)}
        if self.reason is not None:
            found["reason"] = self.reason
        if self.ends_ms is not None:
            found["duration_seconds"] = self.left_s(now_ms)
        return found


def key_of(name: ListName, network: Network) -> Key:
    """The sort key of a network on a list."""
    return kinds.number[name], network.key, network.prefix_length


def wanted_from(document: dict[str, Any], at: str, now_ms: int) -> Entry:
    """Read an entry of the orchestrator; ``at``: time there, ``now_ms``: time here.

    Raises `InvalidInputError`, KeyError, TypeError: the document is not an entry.
    """
    ends, ends_ms = document["expires_at"], None
    if ends is not None:
        ends_ms = now_ms + utc_ms(ends) - utc_ms(at)
    network, reason = Network.parse(document["ip"]), document["reason"]
    return Entry(kinds.LISTS[kinds.number[document["list"]]], network, reason, ends_ms)


def held_from(document: dict[str, Any], name: ListName) -> Entry:
    """Read an entry of this node."""
    ends = document["expires_at"]
    ends_ms = None if ends is None else utc_ms(ends)
    return Entry(name, Network.parse(document["ip"]), document["reason"], ends_ms)
