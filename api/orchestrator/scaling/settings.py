"""What scaling is started with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ScalingSettings:
    """``[scaling]`` of ``orchestrator.toml``."""

    provider: str | None = None
    """A provider's name in the provisioner's own configuration; None: nothing can be scaled."""
    socket: Path = Path("/run/secbeat-provisioner/provisioner.sock")
    nodes_min: int = 0
    nodes_max: int = 10
    """Both of the nodes that jobs have made; the operator's own are not counted."""
    timeout_s: int = 300
    """For one node, from asking the provider until the node is healthy."""
    drain_s: int = 30
    """How long a node that is to go may finish its connections."""
    url: str = "http://127.0.0.1:3030"
    """Where the new nodes find this orchestrator."""
