"""A session with the orchestrator of a fleet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from appliance.cli.client.node_api import NodeApi

VARIABLES = ("ORCHESTRATOR_API_KEY",)
DEFAULT_FILES = (
    Path("/var/lib/secbeat-orchestrator/keys/admin.key"),
    Path("/run/secbeat-lab/default/orchestrator/keys/admin.key"),
)


class FleetApi(NodeApi):
    """The orchestrator API; used like a node's."""

    CALLED: ClassVar[str] = "orchestrator API"
    OPTION: ClassVar[str] = " --fleet"
    VARIABLES: ClassVar[Sequence[str]] = VARIABLES

    @classmethod
    def default_files(cls) -> Sequence[Path]:
        """Paths of key files on this host."""
        return DEFAULT_FILES
