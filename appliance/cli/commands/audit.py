"""``secbeat audit``: who changed what, when, from where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.streams import write_list
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Cell, Output

SHOWN = ("at", "key", "source", "action", "target")
"""What a terminal of 80 columns has room for."""
COLUMNS = ("id", "at", "key", "role", "source", "action", "target", "revision", "request_id")

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def audit() -> None:
    """The audit trail: every change with key, time and source."""


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Show all rows.")] = False,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes, newest first."""
    api = NodeApi.open(url, key_file)
    pages = api.pages("audit", {}) if everything else [api.get("audit", {"limit": limit}).body]
    output = Output(as_json)
    columns = SHOWN if output.terminal else COLUMNS
    write_list(output, "audit", columns, pages, partial(_rows, columns))


def _rows(columns: Sequence[str], entries: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for entry in entries:
        yield [entry.get(column) for column in columns]
