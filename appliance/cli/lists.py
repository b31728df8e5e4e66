"""``secbeat blacklist`` and ``secbeat allowlist``: the same verbs on two lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import typer

from appliance.cli.changes import say, settle, state_of
from appliance.cli.durations import parse_duration
from appliance.cli.imports import upload
from appliance.cli.node_api import NodeApi, quoted
from appliance.cli.options import (
    DEFAULT_URL,
    JsonOption,
    KeyFileOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
)
from appliance.cli.output import Cell, Output, warn
from appliance.cli.streams import write_list

ListName = Literal["blacklist", "allowlist"]
WAIT_S = 60.0
SHOWN = ("ip", "state", "hits", "expires_at", "reason")
"""What a terminal of 80 columns has room for."""
COLUMNS = ("ip", "state", "hits", "expires_at", "created_by", "reason")

Network = Annotated[
    str, typer.Argument(metavar="IP", help="Address or prefix: 192.0.2.7, 2001:db8::/32.")
]
Reason = Annotated[str | None, typer.Option(help="Why; up to 256 characters.")]
Duration = Annotated[
    int | None,
    typer.Option(
        parser=parse_duration, metavar="TIME", help="3600, 90s, 15m, 2h, 7d; else without end."
    ),
]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")]
Source = Annotated[
    str, typer.Argument(metavar="FILE", help="A line for each address or prefix; - is stdin.")
]
Conflict = Annotated[
    Literal["fail", "skip"],
    typer.Option("--on-conflict", help="What to do with lines that can't be added."),
]
Format = Annotated[
    Literal["auto", "text", "ndjson"],
    typer.Option("--format", help="auto: ndjson when the first character is a brace."),
]


def make_app(name: ListName) -> typer.Typer:
    """The verbs of one list."""
    app = typer.Typer(no_args_is_help=True, add_completion=False)
    for verb in (_add, _remove, _show, _list, _import):
        verb(app, name)
    return app


def _add(app: typer.Typer, name: ListName) -> None:
    @app.command("add", help=f"Put an address or prefix on the {name}.")
    def add(
        ip: Network,
        *,
        reason: Reason = None,
        duration: Duration = None,
        wait: WaitOption = False,
        timeout: TimeoutOption = WAIT_S,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        api, output = NodeApi.open(url, key_file), Output(as_json)
        body = {"ip": ip, "reason": reason, "duration_seconds": duration}
        answer = api.post(name, {key: value for key, value in body.items() if value is not None})
        answer = settle(api, answer, timeout if wait else None)
        if as_json:
            output.document(answer.body)
        else:
            say(output, f"{answer.body.get('ip', ip)} is on the {name}", answer)


def _remove(app: typer.Typer, name: ListName) -> None:
    @app.command("remove", help=f"Take an address or prefix off the {name}.")
    def remove(
        ip: Network,
        wait: WaitOption = False,
        timeout: TimeoutOption = WAIT_S,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        api, output = NodeApi.open(url, key_file), Output(as_json)
        answer = settle(api, api.delete(f"{name}/{quoted(ip)}"), timeout if wait else None)
        if as_json:
            document = {"ip": ip, "state": state_of(answer), "revision": answer.revision}
            output.document(document)
        else:
            say(output, f"{ip} is off the {name}", answer)


def _show(app: typer.Typer, name: ListName) -> None:
    @app.command("show", help=f"Show one entry of the {name}.")
    def show(
        ip: Network,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        output = Output(as_json)
        entry = NodeApi.open(url, key_file).get(f"{name}/{quoted(ip)}").body
        if as_json:
            output.document(entry)
        else:
            output.table(("what", "value"), [(key, _cell(value)) for key, value in entry.items()])


def _list(app: typer.Typer, name: ListName) -> None:
    @app.command("list", help=f"List the {name}: the first --limit entries, or --all.")
    def list_(
        limit: Limit = 100,
        everything: Annotated[bool, typer.Option("--all", help="All entries.")] = False,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        api, output = NodeApi.open(url, key_file), Output(as_json)
        pages = api.pages(name, {}) if everything else [api.get(name, {"limit": limit}).body]
        columns = SHOWN if output.terminal else COLUMNS
        write_list(output, name, columns, pages, partial(_rows, columns))


def _import(app: typer.Typer, name: ListName) -> None:
    @app.command("import", help=f"Put many addresses and prefixes on the {name} at once.")
    def import_(
        source: Source,
        *,
        reason: Reason = None,
        duration: Duration = None,
        on_conflict: Conflict = "fail",
        file_format: Format = "auto",
        wait: WaitOption = False,
        timeout: TimeoutOption = WAIT_S,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        api, output = NodeApi.open(url, key_file), Output(as_json)
        query = {"reason": reason, "duration_seconds": duration, "on_conflict": on_conflict}
        answer = upload(api, f"{name}/import", source, file_format, query)
        answer = settle(api, answer, timeout if wait else None)
        if as_json:
            output.document(answer.body)
            return
        body = answer.body
        for line in body.get("skipped_lines") or ():
            warn(f"line {line.get('line')}: {line.get('ip')}: {line.get('why')}")
        what = f"{body.get('added')} of {body.get('lines')} lines are on the {name}"
        if body.get("skipped"):
            what += f", {body['skipped']} skipped"
        say(output, what, answer)


def _rows(columns: Sequence[str], entries: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for entry in entries:
        yield [_cell(entry.get(column)) for column in columns]


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str | int | float) else str(value)


blacklist = make_app("blacklist")
allowlist = make_app("allowlist")
