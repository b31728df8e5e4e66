"""``secbeat attacks``: active ones, past ones, and their packets."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.streams import write_list
from appliance.cli.client.urls import quoted
from appliance.cli.commands.attacks.description import describe
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Cell, Output, warn
from appliance.cli.terminal.standard_streams import OutputError
from appliance.cli.terminal.tables import KEY, PAIRS, Column, Columns

COLUMNS: Columns = {
    "id": KEY,
    "type": Column(3),
    "target": Column(1),
    "profile": Column(7),
    "state": Column(2),
    "action": Column(6),
    "started_at": Column(5),
    "ended_at": Column(8),
    "peak_pps": Column(4),
    "peak_bps": Column(9),
    "packets": Column(11),
    "dropped": Column(10),
    "spoofed": Column(12),
}

Id = Annotated[
    str, typer.Argument(metavar="ID", help="Id of the attack, as attacks list shows it: attack_...")
]

app = command_group()


@app.callback()
def attacks() -> None:
    """Attacks on the protected hosts."""


@app.command("list")
def list_(
    *,
    state: Annotated[
        Literal["active", "ended"] | None,
        typer.Option(help="Only attacks in this state; default: all."),
    ] = None,
    type_: Annotated[
        str | None, typer.Option("--type", help="Type of attack, such as syn_flood.")
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Address or prefix of the target; an address also finds attacks on its prefixes."
        ),
    ] = None,
    profile: Annotated[str | None, typer.Option(help="A profile of the policy.")] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Only attacks active at this time or later: 2026-11-08T10:30:00Z."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Number of rows to show.")] = 100,
    everything: Annotated[bool, typer.Option("--all", help="Show all rows.")] = False,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List attacks, newest first."""
    api, output = NodeApi.open(url, key_file), Output(as_json)
    query = {"state": state, "type": type_, "target": target, "profile": profile, "since": since}
    asked = {name: value for name, value in query.items() if value is not None}
    pages = (
        api.pages("attacks", asked)
        if everything
        else iter([api.get("attacks", {**asked, "limit": limit}).body])
    )
    write_list(output, "attacks", COLUMNS, map(_warned, pages), _rows)


@app.command()
def show(
    attack: Id,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one attack, with its evidence."""
    body = NodeApi.open(url, key_file).get(f"attacks/{quoted(attack)}").body
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.table(PAIRS, describe(body))


@app.command()
def pcap(
    attack: Id,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="Output file; default: ID.pcapng; - is stdout.")
    ] = "",
    *,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write captured packets of an attack as pcapng, each with its drop reason as comment."""
    content = NodeApi.open(url, key_file).download(f"attacks/{quoted(attack)}/pcap")
    name = file or f"{attack}.pcapng"
    if name == "-":
        sys.stdout.buffer.write(content)
        return
    try:
        Path(name).write_bytes(content)
    except OSError as error:
        raise OutputError(f"{name}: can't be written: {error.strerror}") from error
    output = Output(as_json)
    if as_json:
        output.document({"id": attack, "file": name, "bytes": len(content)})
    else:
        output.line(f"{name}: {len(content)} bytes")


def _warned(page: dict[str, Any]) -> dict[str, Any]:
    for warning in page.get("warnings") or ():
        warn(f"warning: {warning}")
    return page


def _rows(attacks: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for attack in attacks:
        beside = {
            "peak_pps": attack["peak"]["packets_per_second"],
            "peak_bps": attack["peak"]["bits_per_second"],
            "packets": attack["totals"]["packets"],
            "dropped": attack["totals"]["dropped"],
            "spoofed": attack["sources"]["spoofed"],
        }
        yield [beside.get(column, attack.get(column)) for column in COLUMNS]
