"""Bodies of ``/threats``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import PAGE_DEFAULT, FromDecimal, PageLimit, Strict, Timestamp

WINDOW_S_DEFAULT = 3_600
WINDOW_S_MAX = 396 * 86_400
CURSOR = r"^-?[0-9]{1,15}\.threat_[0-9a-f]{16}$"
SHOWN_MAX = 100
"""Maximum of nodes and targets that a threat names."""


class ThreatsQuery(Strict):
    """Threats that were active within the last ``window`` seconds, and the page of their list."""

    window: Annotated[int, Field(ge=1, le=WINDOW_S_MAX), FromDecimal] = WINDOW_S_DEFAULT
    top: Annotated[int, Field(ge=1, le=100), FromDecimal] = 10
    """Number of attackers in the answer."""
    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=CURSOR)] | None = None


class AttackerBody(Strict):
    """A source. ``attacks``: incidents that name it; ``packets``: estimated, at most about
    ``error`` too high or too low."""

    ip: str
    attacks: int
    packets: int
    error: int
    country: str


class ThreatBody(Strict):
    """One attack, seen by any number of nodes; at most 100 nodes and targets are named."""

    id: str
    type: str
    state: Literal["active", "ended"]
    nodes: list[str]
    nodes_total: int
    targets: list[str]
    targets_total: int
    profiles: list[str]
    incidents: int
    first_seen_at: Timestamp
    last_seen_at: Timestamp
    actions: list[str]
    spoofed: bool
    packets: int
    dropped: int
    peak_packets_per_second: int
    top_sources: list[AttackerBody]


class ThreatsBody(Strict):
    """``active_threats`` were active within the window; ``ongoing`` of them are active now.
    ``top_attackers`` does not include sources of floods with forged addresses."""

    active_threats: int
    top_attackers: list[AttackerBody]
    attack_types: dict[str, int]
    ongoing: int
    window_seconds: int
    at: Timestamp
    threats: list[ThreatBody]
    total: int
    next_cursor: str | None
    warnings: list[str]
