"""What the node's side of a fleet is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FleetSettings:
    """Where the orchestrator is, and what the node is there."""

    url: str
    """``https://HOST[:PORT]``, or ``http://`` to an address of this host."""
    token_file: Path | None
    """Holds the enrolment token, needed until the node is registered; None: ``token`` is it."""
    directory: Path
    """The agent's own: `fleet.key` and `fleet.json` lie in it."""
    uuid: str
    """Made at the node's first boot."""
    ca_file: Path | None = None
    """The CA that alone is believed; None: the system's."""
    labels: Mapping[str, str] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    rule_types: tuple[str, ...] = ()
    """Types of a policy's rules that this version knows."""
