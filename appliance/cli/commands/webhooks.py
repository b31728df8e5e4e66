"""``secbeat webhooks``: the receivers of events, and undelivered messages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli.client.choice import Asked
from appliance.cli.exits import Exit
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    DEFAULT_URL,
    FleetOption,
    FleetUrlOption,
    JsonOption,
    KeyFileOption,
    UrlOption,
)
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, Column, Columns

ENDPOINTS: Columns = {
    "name": KEY,
    "state": Column(1),
    "pending": Column(3),
    "dead": Column(4),
    "last_success_at": Column(5),
    "last_error": Column(2, wraps=True),
}
LETTERS: Columns = {
    "event": KEY,
    "kind": Column(2),
    "at": Column(4),
    "endpoint": Column(1),
    "attempts": Column(5),
    "last_error": Column(3, wraps=True),
}
RESULTS: Columns = {
    "name": KEY,
    "delivered": KEY,
    "status": Column(2),
    "error": Column(1, wraps=True),
}
SOCKET = Path("/run/secbeat-agent/agent.sock")
_ASK_S = 5.0

EndpointOption = Annotated[
    str | None, typer.Option("--endpoint", help="Name of one receiver, as list shows it.")
]

app = command_group()


@app.callback()
def webhooks() -> None:
    """Receivers of events, and undelivered messages."""


@app.command("list")
def list_(
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of dead letters to show.")
    ] = 100,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the receivers, and the newest undelivered events."""
    body = Asked.open(fleet, orchestrator, url, key_file).api.get("webhooks", {"limit": limit}).body
    output = Output(as_json)
    if as_json:
        output.document(body)
        return
    output.table(ENDPOINTS, _rows(ENDPOINTS, body["endpoints"]))
    if body["dead"]:
        output.line(f"{body['dead_total']} could not be delivered; the newest:")
        output.table(LETTERS, _rows(LETTERS, body["dead"]))


@app.command("test")
def send_test(
    endpoint: EndpointOption = None,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send the receivers a test at once; exit code 1 if one refused it or did not answer."""
    body = (
        Asked.open(fleet, orchestrator, url, key_file)
        .api.post("webhooks/test", {"endpoint": endpoint})
        .body
    )
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.table(RESULTS, _rows(RESULTS, body["results"]))
    if not all(each["delivered"] for each in body["results"]):
        raise typer.Exit(Exit.REFUSED)


@app.command("retry")
def retry(
    endpoint: EndpointOption = None,
    event: Annotated[str | None, typer.Option("--event", help="Id of one event.")] = None,
    *,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send undelivered events again."""
    what = {"endpoint": endpoint, "event": event}
    body = Asked.open(fleet, orchestrator, url, key_file).api.post("webhooks/retry", what).body
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.line(f"{body['retried']} are due again")


@app.command("secret")
def secret(
    socket: Annotated[
        Path, typer.Option(metavar="PATH", help="The agent's control socket.")
    ] = SOCKET,
    as_json: JsonOption = False,
) -> None:
    """Show the secret of the webhooks' signature; on the node itself, as root."""
    from api.common.line_protocol import ask  # noqa: PLC0415 - of this command alone

    body = ask(socket, {"do": "webhooks.secret"}, _ASK_S)
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.line(body["secret"])


def _rows(columns: Columns, found: list[dict[str, Any]]) -> list[list[Any]]:
    return [[each.get(column) for column in columns] for each in found]
