"""Commands that send the same request to a node, or with ``--fleet`` to the orchestrator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import typer

from appliance.cli.client import changes
from appliance.cli.client.answers import Answer
from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.node_api import NodeApi
from appliance.cli.terminal.output import Output, warn
from appliance.cli.terminal.tables import Columns


@dataclass(frozen=True)
class Asked:
    """The API that the command uses."""

    api: NodeApi
    is_fleet: bool

    @classmethod
    def open(cls, fleet: bool, orchestrator: str, url: str, key_file: Path | None) -> Asked:
        """A session with one of the two; raises as `NodeApi.open`."""
        if fleet:
            return cls(FleetApi.open(orchestrator, key_file), is_fleet=True)
        return cls(NodeApi.open(url, key_file), is_fleet=False)

    def settle(
        self, answer: Answer, timeout_s: float | None, part: Literal["lists", "rules"]
    ) -> Answer:
        """The answer, after the change is in force if a wait was requested.

        See `changes.settle` and `changes.settle_in_fleet`.
        """
        if self.is_fleet:
            return changes.settle_in_fleet(self.api, answer, timeout_s, part)
        return changes.settle(self.api, answer, timeout_s)

    def say(self, output: Output, what: str, answer: Answer) -> None:
        """Print one line about the change; for a fleet, that its nodes apply it within seconds."""
        if not self.is_fleet:
            changes.say(output, what, answer)
            return
        body = answer.body if isinstance(answer.body, dict) else {}
        for warning in body.get("warnings") or ():
            warn(f"warning: {warning}")
        revision = f" (revision {answer.revision})" if answer.revision is not None else ""
        nodes = body.get("nodes")
        effect = "its nodes follow" if nodes is None else _in_force_on(nodes)
        output.line(f"{what} in the fleet: {effect}{revision}")

    def state_of(self, answer: Answer) -> dict[str, object]:
        """The state of a change whose answer has no body."""
        body = answer.body if isinstance(answer.body, dict) else {}
        if not self.is_fleet:
            return {"state": changes.state_of(answer), "revision": answer.revision}
        known = {name: body[name] for name in ("state", "nodes") if name in body}
        return {"revision": answer.revision, **known}

    def columns(self, columns: Columns) -> Columns:
        """The columns, without those that only a node has."""
        left_out = {"state", "hits"} if self.is_fleet else set()
        return {name: column for name, column in columns.items() if name not in left_out}


def _in_force_on(nodes: dict[str, int]) -> str:
    away = f", {nodes['unreachable']} unreachable" if nodes["unreachable"] else ""
    return f"in force on {nodes['applied']} of {nodes['of']} nodes{away}"


def refuse_for_fleet(fleet: bool, **given: object) -> None:
    """Raise `typer.BadParameter` for options that have no meaning with ``--fleet``."""
    for name, value in given.items():
        if fleet and value:
            raise typer.BadParameter(f"--{name.replace('_', '-')} doesn't go with --fleet")
