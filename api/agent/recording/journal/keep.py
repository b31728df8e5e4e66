"""The retention of a node's recorded events."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Keep:
    """Limits of number and age."""

    incident_days: int = 396
    incidents_max: int = 100_000
    event_days: int = 30
    events_max: int = 1_000_000
    deliveries_max: int = 100_000
    """Events whose deliveries are finished."""
    captures_max: int = 4_000_000
    """Packets of all incidents, at most 192 bytes each: 1 GiB with the overhead of SQLite."""
