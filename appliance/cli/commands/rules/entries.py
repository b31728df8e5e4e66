"""``secbeat rules``: the patterns that requests are matched against."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client.choice import Asked
from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.streams import write_list
from appliance.cli.client.urls import quoted
from appliance.cli.commands.rules import rule_files, starter
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.durations import parse_duration
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    DEFAULT_URL,
    FleetOption,
    FleetUrlOption,
    JsonOption,
    KeyFileOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
)
from appliance.cli.terminal.output import Cell, Output, counts
from appliance.cli.terminal.tables import KEY, KEY_TEXT, PAIRS, Column, Columns

WAIT_S = 60.0
COLUMNS: Columns = {
    "id": KEY,
    "status": Column(2),
    "action": Column(1),
    "severity": Column(6),
    "hits": Column(3),
    "group": Column(7),
    "targets": Column(5),
    "expires_at": Column(8),
    "name": Column(4),
    "pattern": KEY_TEXT,
}
EVIDENCE_COLUMNS: Columns = {
    "at": Column(4),
    "rule": KEY,
    "name": Column(5),
    "group": Column(9),
    "action": Column(8),
    "severity": Column(10),
    "mode": Column(3),
    "hits": Column(11),
    "client": KEY,
    "host": Column(6),
    "profile": Column(12),
    "target": Column(7),
    "incident": Column(13),
    "request_line": Column(1, wraps=True),
    "excerpt": Column(2, wraps=True),
}

Id = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the rule, as rules list shows it: rule_17.")
]
Action = Literal["block", "log"]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")]

app = command_group()


@app.command()
def add(
    pattern: Annotated[str, typer.Argument(help="A regular expression; see docs/rules.md.")],
    *,
    action: Annotated[Action, typer.Option(help="Action for a request that the rule hits.")],
    severity: Annotated[
        Literal["low", "medium", "high", "critical"] | None, typer.Option(help="Default: medium.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the rule.")] = None,
    group: Annotated[
        str | None, typer.Option(help="Group of the rule, by which a policy sets its mode.")
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="any (the default), method, path, query, header:NAME, cookie or body; up to 8."
        ),
    ] = None,
    profile: Annotated[
        list[str] | None, typer.Option(help="A profile of the policy; default: all. Up to 16.")
    ] = None,
    duration: Annotated[
        int | None,
        typer.Option(
            parser=parse_duration, metavar="TIME", help="3600, 90s, 15m, 2h, 7d; default: no end."
        ),
    ] = None,
    disabled: Annotated[bool, typer.Option("--disabled", help="Add the rule disabled.")] = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = WAIT_S,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a rule."""
    asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
    api = asked.api
    body: dict[str, object] = {"pattern": pattern, "action": action}
    said = {
        "severity": severity,
        "name": name,
        "group": group,
        "targets": target,
        "profiles": profile,
    }
    body |= {key: value for key, value in said.items() if value}
    body |= {"enabled": False} if disabled else {}
    body |= {} if duration is None else {"expires_at": _time_in(duration)}
    answer = api.post("rules", body)
    answer = asked.settle(answer, timeout if wait else None, "rules")
    if as_json:
        output.document(answer.body)
    else:
        asked.say(output, f"{answer.body.get('id')} is added", answer)


@app.command("list")
def list_(
    *,
    limit: Limit = 100,
    everything: Annotated[bool, typer.Option("--all", help="Show all rules.")] = False,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the rules: the first --limit of them, or --all."""
    asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
    api = asked.api
    pages = api.pages("rules", {}) if everything else [api.get("rules", {"limit": limit}).body]
    columns = asked.columns(COLUMNS)
    write_list(output, "rules", columns, pages, lambda rules: rows(columns, rules))


@app.command()
def show(
    rule: Id,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one rule."""
    output = Output(as_json)
    asked = Asked.open(fleet, orchestrator, url, key_file)
    found = asked.api.get(f"rules/{quoted(rule)}").body
    if as_json:
        output.document(found)
    else:
        output.table(PAIRS, [(key, cell(value)) for key, value in found.items()])


@app.command("set")
def set_(
    rule: Id,
    *,
    action: Annotated[Action | None, typer.Option(help="The new action.")] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Enable or disable the rule.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option(help="New group of the rule; an empty text removes it from its group."),
    ] = None,
    wait: WaitOption = False,
    timeout: TimeoutOption = WAIT_S,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change a rule's action or group, or enable or disable it."""
    said = {"action": action, "enabled": enabled, "group": group}
    body: dict[str, object] = {key: value for key, value in said.items() if value is not None}
    if not body:
        raise typer.BadParameter("give --action, --group, --enable or --disable")
    if group == "":
        body["group"] = None
    asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
    api = asked.api
    answer = api.patch(f"rules/{quoted(rule)}", body)
    answer = asked.settle(answer, timeout if wait else None, "rules")
    if as_json:
        output.document(answer.body)
    else:
        is_on = "on" if answer.body.get("enabled") else "off"
        asked.say(output, f"{rule} has action {answer.body.get('action')} and is {is_on}", answer)


@app.command()
def delete(
    rule: Id,
    *,
    wait: WaitOption = False,
    timeout: TimeoutOption = WAIT_S,
    fleet: FleetOption = False,
    orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a rule; its id is never used again."""
    asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
    api = asked.api
    answer = api.delete(f"rules/{quoted(rule)}")
    answer = asked.settle(answer, timeout if wait else None, "rules")
    if as_json:
        output.document({"id": rule, **asked.state_of(answer)})
    else:
        asked.say(output, f"{rule} is removed", answer)


@app.command()
def evidence(
    rule: Annotated[
        str | None, typer.Argument(metavar="ID", help="Id of a rule; default: all rules.")
    ] = None,
    limit: Limit = 20,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest requests that rules hit, newest first; secrets in them are masked."""
    output = Output(as_json)
    found = NodeApi.open(url, key_file).get("rules/evidence", {"limit": limit, "rule": rule}).body
    if as_json:
        output.document(found)
        return
    output.table(EVIDENCE_COLUMNS, rows(EVIDENCE_COLUMNS, found["evidence"]))


app.command("import")(rule_files.import_)
app.command("export")(rule_files.export)
app.command("starter")(starter.starter)


def rows(columns: Columns, found: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    """The cells of a table."""
    for each in found:
        yield [cell(each.get(column)) for column in columns]


def cell(value: Any) -> Cell:
    """The text of a value for a cell."""
    if isinstance(value, list):
        return ",".join(map(str, value)) or None
    if isinstance(value, dict):
        return counts(value)
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _time_in(seconds: int) -> str:
    """The time so many seconds from now, in the form of the API."""
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat(timespec="milliseconds")
