"""``secbeat blacklist`` and ``secbeat allowlist``: the same verbs on two lists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client.changes import changes_nothing, say_unchanged
from appliance.cli.client.choice import Asked, refuse_for_fleet
from appliance.cli.client.streams import write_list
from appliance.cli.client.urls import quoted
from appliance.cli.commands.lists import flush, removals
from appliance.cli.commands.lists.imports import upload
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.durations import parse_duration
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    DEFAULT_URL,
    FleetOption,
    FleetUrlOption,
    JsonOption,
    KeyFileOption,
    SinceOption,
    TimeoutOption,
    UntilOption,
    UrlOption,
    WaitOption,
)
from appliance.cli.terminal.output import Cell, Output, counts, warn
from appliance.cli.terminal.tables import KEY, PAIRS, Column, Columns

ListName = Literal["blacklist", "allowlist"]
WAIT_S = 60.0
COLUMNS: Columns = {
    "ip": KEY,
    "state": Column(4),
    "hits": Column(3),
    "expires_at": Column(2),
    "created_by": Column(6),
    "origin": Column(5),
    "reason": Column(1, wraps=True),
}

Network = Annotated[
    str, typer.Argument(metavar="IP", help="Address or prefix: 192.0.2.7, 2001:db8::/32.")
]
Reason = Annotated[str | None, typer.Option(help="Reason; up to 256 characters.")]
Duration = Annotated[
    int | None,
    typer.Option(
        parser=parse_duration, metavar="TIME", help="3600, 90s, 15m, 2h, 7d; default: no end."
    ),
]
Origin = Annotated[
    str | None,
    typer.Option(help="Origin of the entry: manual, incident, crowdsec or feed:NAME."),
]
Text = Annotated[
    str | None,
    typer.Option(
        help="Only with this text in reason, creator or origin; ignores the case of ASCII letters."
    ),
]
Sort = Annotated[
    Literal["ip", "newest", "oldest", "ends", "hits"],
    typer.Option(help="Order; any but ip shows only the first --limit entries."),
]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")]
Source = Annotated[
    str, typer.Argument(metavar="FILE", help="File with one address or prefix a line; - is stdin.")
]
Conflict = Annotated[
    Literal["fail", "skip", "replace"],
    typer.Option(
        "--on-conflict",
        help="For lines that can't be added: fail, skip, or replace (renews existing entries).",
    ),
]
OnError = Annotated[
    Literal["fail", "skip"],
    typer.Option("--on-error", help="For invalid lines: fail (add no entry), or skip them."),
]
Force = Annotated[
    bool, typer.Option("--force", help="Accept 0.0.0.0/0 and ::/0, all addresses of a family.")
]
Format = Annotated[
    Literal["auto", "text", "ndjson"],
    typer.Option("--format", help="auto: ndjson if the first character is a brace, else text."),
]


def make_app(name: ListName) -> typer.Typer:
    """The verbs of one list."""
    app = command_group()
    for verb in (_add, removals.make, flush.make, _show, _list, _import):
        verb(app, name)
    return app


def _add(app: typer.Typer, name: ListName) -> None:
    @app.command("add", help=f"Put an address or prefix on the {name}.")
    def add(
        ip: Network,
        *,
        reason: Reason = None,
        duration: Duration = None,
        origin: Origin = None,
        force: Force = False,
        wait: WaitOption = False,
        timeout: TimeoutOption = WAIT_S,
        fleet: FleetOption = False,
        orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        refuse_for_fleet(fleet, origin=origin)
        asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
        body = {"ip": ip, "reason": reason, "duration_seconds": duration, "origin": origin}
        body = {key: value for key, value in body.items() if value is not None}
        sent = asked.api.post(name, body, {"force": "true"} if force else None)
        answer = asked.settle(sent, timeout if wait else None, "lists")
        if as_json:
            output.document(answer.body)
        else:
            asked.say(output, f"{answer.body.get('ip', ip)} is on the {name}", answer)


def _show(app: typer.Typer, name: ListName) -> None:
    @app.command("show", help=f"Show the {name}'s entry for an address, and the verdict.")
    def show(
        ip: Network,
        fleet: FleetOption = False,
        orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        output = Output(as_json)
        asked = Asked.open(fleet, orchestrator, url, key_file)
        entry = asked.api.get(f"{name}/{quoted(ip, 'IP')}", {"covering": "true"}).body
        if as_json:
            output.document(entry)
            return
        others = entry.pop("others", ())
        table = [*_verdict(entry), *((key, _cell(value)) for key, value in entry.items())]
        for other in others:
            ends = other.get("expires_at") or "without end"
            table.append((f"also of {other.get('origin')}", f"{ends} {other.get('reason') or ''}"))
        output.table(PAIRS, table)


def _verdict(entry: dict[str, Any]) -> Iterable[tuple[str, Cell]]:
    """The rows of a look-up, which are taken out of the entry."""
    if "verdict" not in entry:  # of the fleet
        return
    asked, verdict, decided_by = (entry.pop(key) for key in ("asked", "verdict", "decided_by"))
    covering, inside = entry.pop("covering"), entry.pop("inside")
    yield "asked", asked
    yield "list", entry.pop("list")
    by = "" if decided_by is None else f" by {_listed(decided_by)}"
    yield "verdict", ("neither banned nor allowed" if verdict == "none" else verdict) + by
    yield "covered by", ", ".join(map(_listed, covering))
    if inside:
        yield "contains", ", ".join(map(_listed, inside))


def _listed(found: dict[str, Any]) -> str:
    return f"{found.get('ip')} of the {found.get('list')}"


def _list(app: typer.Typer, name: ListName) -> None:
    @app.command("list", help=f"List the {name}: the first --limit entries, or --all.")
    def list_(
        *,
        limit: Limit = 100,
        everything: Annotated[bool, typer.Option("--all", help="Show all entries.")] = False,
        hits: Annotated[
            bool, typer.Option("--hits", help="With --all: also show hits, which takes longer.")
        ] = False,
        origin: Annotated[str | None, typer.Option(help="Only entries of this origin.")] = None,
        reason: Annotated[str | None, typer.Option(help="Only entries with this reason.")] = None,
        created_by: Annotated[
            str | None, typer.Option(metavar="KEY", help="Only entries of this key.")
        ] = None,
        text: Text = None,
        since: SinceOption = None,
        until: UntilOption = None,
        sort: Sort = "ip",
        fleet: FleetOption = False,
        orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        filters = {"origin": origin, "reason": reason, "created_by": created_by, "text": text}
        filters |= {"since": since, "until": until, "sort": None if sort == "ip" else sort}
        refuse_for_fleet(fleet, hits=hits, origin=origin)
        if fleet and sort == "hits":
            raise typer.BadParameter("--sort hits doesn't go with --fleet")
        if everything and sort != "ip":
            raise typer.BadParameter(f"--all doesn't go with --sort {sort}: use --limit")
        if everything and not hits and not fleet:
            filters["hits"] = "false"
        asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
        api, of = asked.api, {"limit": limit, **filters}
        pages = api.pages(name, filters) if everything else [api.get(name, of).body]
        left_out = {"hits"} if "hits" in filters else set()
        columns = asked.columns({one: COLUMNS[one] for one in COLUMNS if one not in left_out})
        write_list(output, name, columns, pages, partial(_rows, columns))


def _import(app: typer.Typer, name: ListName) -> None:
    @app.command("import", help=f"Put many addresses and prefixes on the {name} at once.")
    def import_(
        source: Source,
        *,
        reason: Reason = None,
        duration: Duration = None,
        origin: Origin = None,
        on_conflict: Conflict = "fail",
        on_error: OnError = "fail",
        force: Force = False,
        file_format: Format = "auto",
        wait: WaitOption = False,
        timeout: TimeoutOption = WAIT_S,
        fleet: FleetOption = False,
        orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        refuse_for_fleet(fleet, origin=origin)
        asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
        query = {
            "reason": reason,
            "duration_seconds": duration,
            "origin": origin,
            "on_conflict": on_conflict,
            "on_error": None if on_error == "fail" else on_error,
            "force": "true" if force else None,
        }
        answer = upload(asked.api, f"{name}/import", source, file_format, query)
        answer = asked.settle(answer, timeout if wait else None, "lists")
        if as_json:
            output.document(answer.body)
            return
        what = _imported(name, answer.body)
        if changes_nothing(answer):
            say_unchanged(output, what, answer)
        else:
            asked.say(output, what, answer)


def _imported(name: ListName, body: dict[str, Any]) -> str:
    """The result of an import on one line; names on stderr the lines that were left out."""
    for line in body.get("skipped_lines") or ():
        warn(f"line {line.get('line')}: {line.get('ip')}: {line.get('why')}")
    for line in body.get("refused_lines") or ():
        warn(f"line {line.get('line')}: {line.get('why')}")
    lines, refused = int(body.get("lines") or 0), int(body.get("refused") or 0)
    networks = body.get("networks")
    put = int(body.get("added") or 0) + int(body.get("replaced") or 0)
    of = f"{lines} lines" if networks in {None, lines - refused} else f"{networks} networks"
    what = f"{put} of {of} are put on the {name}"
    for how in ("replaced", "skipped", "refused"):
        if body.get(how):
            what += f", {body[how]} {how}"
    return what


def _rows(columns: Columns, entries: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for entry in entries:
        yield [_cell(entry.get(column)) for column in columns]


def _cell(value: Any) -> Cell:
    if isinstance(value, dict):
        return counts(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


blacklist = make_app("blacklist")
allowlist = make_app("allowlist")
