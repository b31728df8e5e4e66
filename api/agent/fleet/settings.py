"""Settings of the node's side of a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class FleetSettings:
    """The address of the orchestrator, and the node's identity."""

    url: str
    """``https://HOST[:PORT]``, or ``http://`` to an address of this host."""
    token_file: Path | None
    """File with the enrolment token, used until the node is registered; None: ``token`` has it."""
    directory: Path
    """The agent's own directory, with `fleet.key` and `fleet.json`."""
    uuid: str
    """Generated at the node's first boot."""
    ca_file: Path | None = None
    """File with the only CA to trust; None: the CAs of the system."""
    labels: Mapping[str, str] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    rule_types: tuple[str, ...] = ()
    """The types of policy rules that this version supports."""
