"""``secbeat keys``: API keys and their roles. Key material is shown once, when a key is made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.streams import write_list
from appliance.cli.client.urls import quoted
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.durations import parse_duration
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.standard_streams import shown_once
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Column, Columns

COLUMNS: Columns = {
    "id": KEY,
    "name": KEY_TEXT,
    "role": Column(1),
    "created_at": Column(3),
    "expires_at": Column(2),
}

app = command_group()


@app.command("list")
def list_(
    url: UrlOption = DEFAULT_URL, key_file: KeyFileOption = None, as_json: JsonOption = False
) -> None:
    """List the keys, without their text."""
    api = NodeApi.open(url, key_file)
    write_list(Output(as_json), "keys", COLUMNS, [api.get("keys").body], _rows)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Name of the key: its user or program.")],
    role: Annotated[Literal["read", "operate", "admin"], typer.Option(help="Role of the key.")],
    expires: Annotated[
        int | None,
        typer.Option(parser=parse_duration, metavar="TIME", help="90d, 12h; default: no end."),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it: it can't be shown again."""
    body: dict[str, object] = {"name": name, "role": role}
    if expires is not None:
        body["expires_in_seconds"] = expires
    made = NodeApi.open(url, key_file).post("keys", body).body
    output = Output(as_json)
    if not as_json:
        warn(f"key {made['id']} for {name}, role {role}: keep it now, it is not shown again")
    with shown_once(f"key {made['id']}", f"secbeat keys delete {made['id']}"):
        if as_json:
            output.document(made)
        else:
            output.line(made["key"])


@app.command()
def delete(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The id that keys list shows.")],
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a key: it is invalid at once."""
    NodeApi.open(url, key_file).delete(f"keys/{quoted(key_id)}")
    output = Output(as_json)
    if as_json:
        output.document({"id": key_id, "deleted": True})
    else:
        output.line(f"key {key_id} is deleted")


def _rows(entries: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for entry in entries:
        yield [entry.get(column) for column in COLUMNS]
