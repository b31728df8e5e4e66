"""The deployment of a policy to a fleet, from the options of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from appliance.cli.terminal.durations import parse_duration
from appliance.cli.terminal.options import only_without_fleet

HOLD_S = 60
"""Default time for which the orchestrator observes a canary."""

SelectorOption = Annotated[
    str,
    typer.Option(
        "--selector",
        metavar="LABELS",
        help="With --fleet: label selector, such as edge=yes,site in (ams,fra).",
    ),
]
CanaryOption = Annotated[
    bool, typer.Option("--canary", help="With --fleet: deploy to one node first, and observe it.")
]
CanaryNodeOption = Annotated[
    str | None,
    typer.Option("--canary-node", metavar="ID", help="With --fleet: the id of the canary."),
]
HoldOption = Annotated[
    str | None,
    typer.Option("--hold", metavar="DURATION", help="Observation time of a canary; default: 60s."),
]
ConfirmOption = Annotated[
    str | None,
    typer.Option(
        "--confirm-within",
        metavar="DURATION",
        help="With --fleet: withdraw the policy unless it is confirmed within this time.",
    ),
]
OverrideOption = Annotated[
    bool,
    typer.Option(
        "--override", callback=only_without_fleet, help="On a node: replace the fleet's policy."
    ),
]


@dataclass(frozen=True)
class Rollout:
    """The selected nodes, and the options of the deployment."""

    selector: str = ""
    canary: bool = False
    canary_node: str | None = None
    hold: str | None = None
    confirm_within: str | None = None

    def require(self, *, fleet: bool) -> None:
        """Refuse options that have no meaning for one node. Raises `typer.BadParameter`."""
        if not fleet and self != Rollout():
            raise typer.BadParameter(
                "--selector, --canary, --canary-node, --hold and --confirm-within are for --fleet"
            )

    def patience_s(self, timeout_s: float) -> float:
        """The time limit for a deployment; the observation time of a canary is added."""
        if not self._is_canary:
            return timeout_s
        return timeout_s + (HOLD_S if self.hold is None else parse_duration(self.hold))

    @property
    def _is_canary(self) -> bool:
        return self.canary or self.canary_node is not None

    def query(self) -> dict[str, str | int | None]:
        """The query for the orchestrator. Raises `typer.BadParameter`."""
        if self.hold is not None and not self._is_canary:
            raise typer.BadParameter("--hold is for --canary or --canary-node")
        return {
            "selector": self.selector or None,
            "strategy": "canary" if self._is_canary else None,
            "canary": self.canary_node,
            "hold_seconds": None if self.hold is None else parse_duration(self.hold),
            "confirm_within": (
                None if self.confirm_within is None else parse_duration(self.confirm_within)
            ),
        }
