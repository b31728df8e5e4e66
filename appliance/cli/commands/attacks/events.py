"""``secbeat events``: past events of the node, and new events as they happen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.server_events import follow
from appliance.cli.client.streams import write_list
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Cell, Output
from appliance.cli.terminal.tables import KEY, Column, Columns

COLUMNS: Columns = {
    "sequence": Column(4),
    "at": KEY,
    "kind": Column(1),
    "incident": Column(3),
    "what": Column(2, wraps=True),
}
FOLLOWED = ("at", "kind", "what")
"""Fields of a new event on a terminal: a line instead of a table."""
_FIRST = ("attack_type", "status", "name", "action", "target", "client", "packets_per_second")
"""Fields of an event's data that are shown first."""


def events(
    *,
    following: Annotated[
        bool, typer.Option("--follow", "-f", help="Show new events as they happen, until Ctrl-C.")
    ] = False,
    after: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="With --follow: begin after event N; 0 is the oldest."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="Kind of event, such as attack_detected.")
    ] = None,
    attack: Annotated[
        str | None, typer.Option(metavar="ID", help="Only events of this attack.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Show all rows.")] = False,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List recorded events, newest first; or follow new events.

    With --follow, --json prints one document a line.
    """
    if after is not None and not following:
        raise typer.BadParameter("--after belongs to --follow")
    api, output = NodeApi.open(url, key_file), Output(as_json)
    asked = {"kind": kind, "incident": attack}
    query = {name: value for name, value in asked.items() if value is not None}
    if following:
        _follow(api, output, query, after)
        return
    pages = (
        api.pages("events", query)
        if everything
        else [api.get("events", {**query, "limit": limit}).body]
    )
    write_list(output, "events", COLUMNS, pages, partial(_rows, COLUMNS))


def _follow(api: NodeApi, output: Output, query: dict[str, str], after: int | None) -> None:
    last = None if after is None else str(after)
    columns = FOLLOWED if output.terminal else tuple(COLUMNS)
    try:
        for event in follow(api, "events/stream", query, last):
            if output.as_json:
                output.record(event)
            else:
                output.rows(_rows(columns, [event]))
    except KeyboardInterrupt:
        return


def _rows(columns: Iterable[str], events: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for event in events:
        beside = {**event, "what": _what(event["data"])}
        yield [beside.get(column) for column in columns]


def _what(data: dict[str, Any]) -> str:
    """The plain values of an event's data on one line."""
    names = [name for name in _FIRST if name in data]
    names += [name for name in data if name not in names]
    plain = [(name, data[name]) for name in names if not isinstance(data[name], dict)]
    return " ".join(f"{name}={_value(value)}" for name, value in plain if value is not None)


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
