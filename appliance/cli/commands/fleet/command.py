"""``secbeat fleet``: deployments, and other commands about a fleet only."""

from __future__ import annotations

from typing import Any

from appliance.cli.lazy import LazyCommand, LazyGroup
from appliance.cli.terminal.apps import command_group

_ROOM = "appliance.cli.commands.fleet"
COMMANDS = {
    "membership": ("membership:app", "This node in its fleet; its key."),
    "deployments": ("deployments:app", "Deployments of policies to nodes, and their progress."),
    "tokens": ("tokens:app", "Enrolment tokens."),
    "database": ("database:app", "Dump and restore of the orchestrator's database."),
}


class FleetGroup(LazyGroup):
    """All commands of ``secbeat fleet``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (target, summary) in COMMANDS.items():
            self.add_command(LazyCommand(name, f"{_ROOM}.{target}", summary))


app = command_group(FleetGroup)


@app.callback()
def fleet() -> None:
    """The fleet of an orchestrator."""
