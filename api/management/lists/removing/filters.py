"""Which entries a removal in bulk takes: those that meet every condition it names.

Of the fleet's it takes none but for the agent (`api.management.lists.ownership`).
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
    """At least one of its parts is given; they are joined by "and"."""

    networks: tuple[Network, ...] | None = None
    reason: str | None = None
    created_by: str | None = None
    origin: str | None = None
    spares_fleet: bool = False
    """Leave the fleet's entries where they are."""

    @property
    def conditions(self) -> str:
        """SQL on a row ``e``, but for the networks."""
        named = [text for name, text in _CONDITIONS.items() if getattr(self, name) is not None]
        named += [_NOT_FLEET] if self.spares_fleet else []
        return " AND ".join(named) or "TRUE"

    @property
    def spared(self) -> Filter | None:
        """What meets all the same, and is left."""
        if not self.spares_fleet or self.origin is not None:
            return None
        return replace(self, origin=FLEET, spares_fleet=False)

    @property
    def parameters(self) -> dict[str, object]:
        """For `conditions`."""
        return {"reason": self.reason, "by": self.created_by, "origin": self.origin}

    def __str__(self) -> str:
        """As the audit trail has it."""
        found = [
            f"{name}={json.dumps(getattr(self, name), ensure_ascii=False)}"
            for name in _CONDITIONS
            if getattr(self, name) is not None
        ]
        if self.networks is not None:
            found.append(f"networks={len(self.networks)}")
        return " ".join(found)
