"""Whether a canary drops more than before: a pure judge of the counters that a node reports.

The orchestrator can't tell honest packets from others, so it compares shares: of the packets that
came, how many were dropped or would have been, before the policy and since. An attack that begins
while a canary is held looks the same, and ends the deployment too: nothing is lost but time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PACKETS_MIN = 100
"""Fewer packets than these say nothing."""
Stats = Mapping[str, float | int | None]


@dataclass(frozen=True)
class Counters:
    """What a node has counted since its data plane began."""

    packets: float
    dropped: float
    """Or would have been."""

    @classmethod
    def of(cls, stats: Stats | None) -> Counters | None:
        """Of a heartbeat; None: the node did not know."""
        packets = (stats or {}).get("packets_processed")
        if stats is None or packets is None:
            return None
        dropped = (stats.get("packets_dropped") or 0) + (stats.get("would_drop") or 0)
        return cls(float(packets), float(dropped))

    def since(self, before: Counters) -> Counters | None:
        """The difference; None: counting began anew in between."""
        if self.packets < before.packets or self.dropped < before.dropped:
            return None
        return Counters(self.packets - before.packets, self.dropped - before.dropped)

    @property
    def ratio(self) -> float:
        """Share of the packets that was dropped."""
        return self.dropped / self.packets if self.packets else 0.0


def ratio_before(last: Stats | None, before: Stats | None) -> float:
    """The share that was dropped between two heartbeats; 0 where too little is known.

    With one heartbeat, or a data plane that has begun in between: since that began.
    """
    newest, older = Counters.of(last), Counters.of(before)
    if newest is None:
        return 0.0
    found = newest if older is None else newest.since(older) or newest
    return found.ratio if found.packets >= PACKETS_MIN else 0.0


def complaint(was: float, since: Counters, bound: float) -> str | None:
    """Why a canary is not to go on; None: it may.

    Args:
        was: the share that was dropped before.
        since: what was counted since the policy was applied.
        bound: how much more may be dropped, as a share.
    """
    if since.packets < PACKETS_MIN or since.ratio - was <= bound:
        return None
    return (
        f"drops {since.ratio:.2%} of {since.packets:.0f} packets, {was:.2%} before; "
        f"the limit is {bound:.2%} more"
    )
