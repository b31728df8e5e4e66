"""``secbeat fleet tokens``: tokens for the enrolment of nodes. A token's text is shown once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.streams import write_list
from appliance.cli.client.urls import quoted
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.durations import parse_duration
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    FleetKeyFileOption,
    JsonOption,
    OrchestratorOption,
)
from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.standard_streams import shown_once
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Column, Columns

COLUMNS: Columns = {
    "id": KEY,
    "name": KEY_TEXT,
    "uses": Column(1),
    "uses_max": Column(2),
    "expires_at": Column(3),
    "created_by": Column(4),
    "created_at": Column(5),
}

app = command_group()


@app.command("list")
def list_(
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List enrolment tokens, without their text."""
    api = FleetApi.open(orchestrator, key_file)
    write_list(Output(as_json), "tokens", COLUMNS, [api.get("tokens").body], _rows)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Use of the token.")],
    uses: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="Number of nodes that may use the token; default: any number."
        ),
    ] = None,
    expires: Annotated[
        int | None,
        typer.Option(parser=parse_duration, metavar="TIME", help="90d, 12h; default: no end."),
    ] = None,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make an enrolment token and print it: it can't be shown again."""
    body = {"name": name, "uses_max": uses, "expires_in_seconds": expires}
    made = FleetApi.open(orchestrator, key_file).post("tokens", body).body
    output = Output(as_json)
    if not as_json:
        warn(f"token {made['id']} ({name}): keep it now, it is not shown again")
    with shown_once(f"token {made['id']}", f"secbeat fleet tokens delete {made['id']}"):
        if as_json:
            output.document(made)
        else:
            output.line(made["token"])


@app.command()
def delete(
    token: Annotated[str, typer.Argument(metavar="ID", help="The id that tokens list shows.")],
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete an enrolment token; nodes that have used it stay."""
    FleetApi.open(orchestrator, key_file).delete(f"tokens/{quoted(token)}")
    output = Output(as_json)
    if as_json:
        output.document({"id": token, "deleted": True})
    else:
        output.line(f"token {token} is deleted")


def _rows(tokens: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for each in tokens:
        yield [each[column] for column in COLUMNS]
