"""The filter of a bulk removal: it takes entries that meet all given conditions.

Entries of the fleet are taken only for the agent (`api.management.lists.ownership`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from api.lists.schemas import FLEET
from dataplane.base.networks import Network

_CONDITIONS = {
    "reason": "e.reason = :reason",
    "created_by": "e.created_by = :by",
    "origin": "e.origin = :origin",
}
_NOT_FLEET = f"e.origin <> '{FLEET}'"


@dataclass(frozen=True)
class Filter:
    """Conditions joined by "and"; at least one is given."""

    networks: tuple[Network, ...] | None = None
    reason: str | None = None
    created_by: str | None = None
    origin: str | None = None
    spares_fleet: bool = False
    """Do not take entries of the fleet."""

    @property
    def conditions(self) -> str:
        """The SQL conditions for a row ``e``, without the networks."""
        named = [text for name, text in _CONDITIONS.items() if getattr(self, name) is not None]
        named += [_NOT_FLEET] if self.spares_fleet else []
        return " AND ".join(named) or "TRUE"

    @property
    def spared(self) -> Filter | None:
        """The SQL conditions for entries that meet the filter but are kept."""
        if not self.spares_fleet or self.origin is not None:
            return None
        return replace(self, origin=FLEET, spares_fleet=False)

    @property
    def parameters(self) -> dict[str, object]:
        """Parameters for `conditions`."""
        return {"reason": self.reason, "by": self.created_by, "origin": self.origin}

    def __str__(self) -> str:
        """The filter as text for the audit trail."""
        found = [
            f"{name}={json.dumps(getattr(self, name), ensure_ascii=False)}"
            for name in _CONDITIONS
            if getattr(self, name) is not None
        ]
        if self.networks is not None:
            found.append(f"networks={len(self.networks)}")
        return " ".join(found)
