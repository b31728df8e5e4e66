"""``secbeat threats``: attacks on a fleet, each once, even if several nodes have seen it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.terminal.durations import parse_duration
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    FleetKeyFileOption,
    JsonOption,
    OrchestratorOption,
)
from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.tables import KEY, Column, Columns

COLUMNS: Columns = {
    "type": KEY,
    "state": Column(1),
    "targets": KEY,
    "nodes": Column(4),
    "first_seen_at": Column(5),
    "last_seen_at": Column(6),
    "packets": Column(2),
    "id": Column(3),
}
ATTACKERS: Columns = {
    "ip": KEY,
    "attacks": Column(2),
    "packets": Column(1),
    "error": Column(4),
    "country": Column(3),
}


def threats(
    window: Annotated[
        int | None,
        typer.Option(parser=parse_duration, metavar="TIME", help="30m, 12h; default: 1h."),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of newest rows to show.")
    ] = 100,
    top: Annotated[int, typer.Option(min=1, max=100, help="Number of attackers to show.")] = 10,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the attacks on the fleet within the window, including active ones."""
    query = {"window": window, "limit": limit, "top": top}
    found = FleetApi.open(orchestrator, key_file).get("threats", query).body
    output = Output(as_json)
    if as_json:
        output.document(found)
        return
    for text in found["warnings"]:
        warn(text)
    counts = ", ".join(f"{name} {count}" for name, count in found["attack_types"].items())
    summary = f"{found['active_threats']} threats, {found['ongoing']} of them go on"
    output.line(f"{summary}: {counts}" if counts else summary)
    if found["threats"]:
        output.table(COLUMNS, [_row(each) for each in found["threats"]])
    if found["top_attackers"]:
        attackers = found["top_attackers"]
        output.table(ATTACKERS, [[each[name] for name in ATTACKERS] for each in attackers])


def _row(each: dict[str, Any]) -> list[Cell]:
    shown = each | {
        "targets": _some(each["targets"], each["targets_total"]),
        "nodes": _some(each["nodes"], each["nodes_total"]),
    }
    return [shown[column] for column in COLUMNS]


def _some(names: list[str], total: int) -> str:
    return names[0] if total == 1 else f"{names[0]} and {total - 1} more"
