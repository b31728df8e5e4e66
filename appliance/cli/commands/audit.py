"""``secbeat audit``: the trail of changes with key, time and source."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client.choice import Asked
from appliance.cli.client.streams import write_list
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    DEFAULT_URL,
    FleetOption,
    FleetUrlOption,
    JsonOption,
    KeyFileOption,
    SinceOption,
    UntilOption,
    UrlOption,
)
from appliance.cli.terminal.output import Cell, Output
from appliance.cli.terminal.tables import KEY, Column, Columns

COLUMNS: Columns = {
    "id": Column(5),
    "at": KEY,
    "key": Column(2),
    "role": Column(6),
    "source": Column(3),
    "action": KEY,
    "target": Column(1),
    "revision": Column(4),
    "request_id": Column(7),
    "before": Column(9),
    "after": Column(8),
}

app = command_group()


@app.callback()
def audit() -> None:
    """The audit trail: every change with key, time and source."""


@app.command("list")
def list_(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Show all rows.")] = False,
    key: Annotated[str | None, typer.Option(help="Only changes by this key.")] = None,
    action: Annotated[
        str | None, typer.Option(help="Only this action: policy.put, or its beginning: policy.")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Only with this text in target, before or after; ignores the case of ASCII "
            "letters."
        ),
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    sort: Annotated[Literal["newest", "oldest"], typer.Option(help="Order of rows.")] = "newest",
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the changes, newest first."""
    api = Asked.open(fleet, orchestrator, url, key_file).api
    filters = {"key": key, "action": action, "text": text, "since": since, "until": until}
    asked = {name: value for name, value in filters.items() if value is not None}
    asked |= {"sort": sort} if sort != "newest" else {}
    pages = (
        api.pages("audit", asked)
        if everything
        else [api.get("audit", {**asked, "limit": limit}).body]
    )
    output = Output(as_json)
    write_list(output, "audit", COLUMNS, pages, _rows)


def _rows(entries: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for entry in entries:
        yield [_cell(entry.get(column)) for column in COLUMNS]


def _cell(value: Any) -> Cell:
    """The values before and after the change, as JSON on one line."""
    return json.dumps(value) if isinstance(value, dict) else value
