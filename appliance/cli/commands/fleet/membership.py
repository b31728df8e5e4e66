"""``secbeat fleet membership``: the state of this node in its fleet, from its agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from api.common.line_protocol import ask
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, PAIRS, Column, Columns

SOCKET = Path("/run/secbeat-agent/agent.sock")
COLUMNS: Columns = {
    "part": KEY,
    "number": Column(1),
    "state": KEY,
    "message": Column(2, wraps=True),
}
_ASK_S = 10.0

app = command_group()

SocketOption = Annotated[Path, typer.Option(metavar="PATH", help="The agent's control socket.")]


@app.callback()
def membership() -> None:
    """This node in its fleet; on the node itself, as root."""


@app.command("show")
def show(socket: SocketOption = SOCKET, as_json: JsonOption = False) -> None:
    """Show whether the orchestrator answers, and the fleet's revisions in force."""
    _print(ask(socket, {"do": "fleet.membership"}, _ASK_S), as_json)


@app.command("rotate-key")
def rotate_key(socket: SocketOption = SOCKET, as_json: JsonOption = False) -> None:
    """Replace the node's key; both are valid until the node has used the new one."""
    _print(ask(socket, {"do": "fleet.rotate_key"}, _ASK_S), as_json)


def _print(body: dict[str, Any], as_json: bool) -> None:
    output = Output(as_json)
    if as_json:
        output.document(body)
        return
    stands = {
        "node": body["node"],
        "orchestrator": f"{body['url']}: {'answers' if body['up'] else 'away'}",
        "registered": body["registered"],
        "last contact": body["last_contact_at"],
        "reasons": ", ".join(body["reasons"]) or "none",
        "key": "is being replaced" if body["key_is_replaced"] else "in use",
    }
    output.table(PAIRS, list(stands.items()))
    if body["applied"]:
        rows = [[each.get(column) for column in COLUMNS] for each in body["applied"]]
        output.table(COLUMNS, rows)
