"""How much of what has happened a node keeps."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Keep:
    """How much is kept, and for how long."""

    incident_days: int = 396
    incidents_max: int = 100_000
    event_days: int = 30
    events_max: int = 1_000_000
    deliveries_max: int = 100_000
    """Events of which it is known who got them."""
    captures_max: int = 4_000_000
    """Packets of all incidents, of at most 192 bytes each: 1 GiB with what SQLite adds to them."""
