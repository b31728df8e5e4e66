"""``secbeat fleet deployments``: deployments of policies to nodes, and their progress."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.commands.fleet.following import counted, follow
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    FleetKeyFileOption,
    JsonOption,
    OrchestratorOption,
    TimeoutOption,
)
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, Column, Columns

WAIT_S = 600.0
NODES: Columns = {
    "node": KEY,
    "state": KEY,
    "status": Column(2),
    "message": Column(1, wraps=True),
}
ROWS: Columns = {
    "id": KEY,
    "policy": Column(5),
    "name": Column(3),
    "selector": Column(6),
    "strategy": Column(7),
    "state": KEY,
    "nodes": Column(1),
    "created_at": Column(4),
    "reason": Column(2, wraps=True),
}
Number = Annotated[int, typer.Argument(metavar="ID", min=1, help="Id of the deployment.")]
State = Annotated[str | None, typer.Option("--state", help="Only nodes in this state.")]

app = command_group()


@app.callback()
def deployments() -> None:
    """Deployments of policies to nodes, and their progress."""


@app.command(name="list")
def list_all(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")] = 20,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List deployments, newest first."""
    output, api = Output(as_json), FleetApi.open(orchestrator, key_file)
    page = api.get("deployments", {"limit": limit}).body
    if as_json:
        output.document(page)
        return
    output.table(ROWS, [_row(each) for each in page["deployments"]])


@app.command()
def show(
    number: Number,
    state: State = None,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a deployment and its nodes."""
    output, api = Output(as_json), FleetApi.open(orchestrator, key_file)
    pages = list(api.pages(f"deployments/{number}", {"state": state}))
    found = pages[0] | {"nodes": [node for page in pages for node in page["nodes"]]}
    tell(output, found | {"next_cursor": None})


@app.command()
def wait(
    number: Number,
    timeout: TimeoutOption = WAIT_S,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait until a deployment has ended, or needs an operator."""
    output = Output(as_json)
    tell(output, follow(FleetApi.open(orchestrator, key_file), number, timeout, output))


@app.command()
def confirm(
    number: Number,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Confirm a deployment, so that it is not withdrawn at its time limit."""
    api = FleetApi.open(orchestrator, key_file)
    tell(Output(as_json), api.post(f"deployments/{number}/confirm", None).body)


@app.command()
def cancel(
    number: Number,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a running deployment: its nodes get their earlier policy back."""
    api = FleetApi.open(orchestrator, key_file)
    tell(Output(as_json), api.post(f"deployments/{number}/cancel", None).body)


def tell(output: Output, found: dict[str, Any]) -> None:
    """Print a deployment with the nodes that it holds."""
    if output.as_json:
        output.document(found)
        return
    what = f"{found['name']}, version {found['policy']}"
    output.line(f"deployment {found['id']} of {what}: {counted(found)}")
    if found["reason"]:
        output.line(found["reason"])
    if found["confirm_until"]:
        output.line(
            f"withdrawn at {found['confirm_until']} unless: "
            f"secbeat fleet deployments confirm {found['id']}"
        )
    output.table(NODES, [[node[name] for name in NODES] for node in found["nodes"]])


def _row(each: dict[str, Any]) -> list[Any]:
    counts = each["counts"]
    whole = each | {
        "nodes": f"{counts.get('applied', 0)}/{sum(counts.values())}",
        "selector": each["selector"] or "all",
    }
    return [whole[name] for name in ROWS]
