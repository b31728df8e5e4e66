"""``secbeat audit``: who changed what, when, from where."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer

from appliance.cli.node_api import NodeApi
from appliance.cli.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.output import Cell, Output
from appliance.cli.streams import write_list

COLUMNS = ("id", "at", "key", "role", "source", "action", "target", "revision", "request_id")

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.callback()
def audit() -> None:
    """Who changed what, when, from where."""


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="All that is kept.")] = False,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what was changed."""
    api = NodeApi.open(url, key_file)
    pages = api.pages("audit", {}) if everything else [api.get("audit", {"limit": limit}).body]
    write_list(Output(as_json), "audit", COLUMNS, pages, _rows)


def _rows(entries: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for entry in entries:
        yield [entry.get(column) for column in COLUMNS]
