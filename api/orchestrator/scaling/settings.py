"""Settings of scaling."""

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
    """Both limit the nodes that jobs have made; the operator's own nodes are not counted."""
    timeout_s: int = 300
    """Time limit for one node, from the request to the provider until the node is healthy."""
    drain_s: int = 30
    """Time for the connections of a node that is to be removed to end."""
    url: str = "http://127.0.0.1:3030"
    """The URL of this orchestrator for new nodes."""
