"""Which entries a removal in bulk takes: those that meet every condition it names."""

from __future__ import annotations

import json
from dataclasses import dataclass

from dataplane.base.networks import Network

_CONDITIONS = {
    "reason": "e.reason = :reason",
    "created_by": "e.created_by = :by",
    "origin": "e.origin = :origin",
}


@dataclass(frozen=True)
class Filter:
    """At least one of its parts is given; they are joined by "and"."""

    networks: tuple[Network, ...] | None = None
    reason: str | None = None
    created_by: str | None = None
    origin: str | None = None

    @property
    def conditions(self) -> str:
        """SQL on a row ``e``, but for the networks."""
        named = [text for name, text in _CONDITIONS.items() if getattr(self, name) is not None]
        return " AND ".join(named) or "TRUE"

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
