"""Decides whether a canary drops more packets than before: pure functions of a node's counters.

The orchestrator can't tell honest packets from others, so it compares shares: the packets that were
dropped or would have been, relative to all, before the policy and since. An attack that begins
during the observation looks the same and ends the deployment too; this costs only time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PACKETS_MIN = 100
"""Fewer packets are not significant."""
Stats = Mapping[str, float | int | None]


@dataclass(frozen=True)
class Counters:
    """The counters of a node since its data plane started."""

    packets: float
    dropped: float
    """Packets that were dropped or would have been."""

    @classmethod
    def of(cls, stats: Stats | None) -> Counters | None:
        """The counters of a heartbeat; None: the node did not report them."""
        packets = (stats or {}).get("packets_processed")
        if stats is None or packets is None:
            return None
        dropped = (stats.get("packets_dropped") or 0) + (stats.get("would_drop") or 0)
        return cls(float(packets), float(dropped))

    def since(self, before: Counters) -> Counters | None:
        """The difference; None: the counters were reset in between."""
        if self.packets < before.packets or self.dropped < before.dropped:
            return None
        return Counters(self.packets - before.packets, self.dropped - before.dropped)

    @property
    def ratio(self) -> float:
        """Share of dropped packets."""
        return self.dropped / self.packets if self.packets else 0.0


def ratio_before(last: Stats | None, before: Stats | None) -> float:
    """The share of dropped packets between two heartbeats; 0 if there is too little data.

    With one heartbeat, or after a restart of the data plane in between: the share since its start.
    """
    newest, older = Counters.of(last), Counters.of(before)
    if newest is None:
        return 0.0
    found = newest if older is None else newest.since(older) or newest
    return found.ratio if found.packets >= PACKETS_MIN else 0.0


def complaint(was: float, since: Counters, bound: float) -> str | None:
    """The reason for which the canary fails; None: it does not fail.

    Args:
        was: the share of dropped packets before.
        since: the counters since the policy was applied.
        bound: the allowed increase of the share.
    """
    if since.packets < PACKETS_MIN or since.ratio - was <= bound:
        return None
    return (
        f"drops {since.ratio:.2%} of {since.packets:.0f} packets, {was:.2%} before; "
        f"the limit is {bound:.2%} more"
    )
