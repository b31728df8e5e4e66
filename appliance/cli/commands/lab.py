"""``secbeat lab``: a node with a client and an origin on this machine."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, PAIRS, Column, Columns
from appliance.lab import advice, lifecycle, status
from appliance.lab.detach import up_detached
from appliance.lab.instance import DEFAULT, Instance

app = command_group()

InstanceOption = Annotated[
    str,
    typer.Option(
        "--instance", metavar="NAME", help="Name of the lab, to run several at the same time."
    ),
]
NOT_UP = 3
"""Exit code of ``lab status``, as of ``systemctl status``."""
PROCESSES: Columns = {
    "process": KEY,
    "state": KEY,
    "pid": Column(2),
    "user": Column(3),
    "restarts": Column(1),
}
FILES = ("key_file", "orchestrator_key_file", "config_file", "log_directory")


class Mode(StrEnum):
    """Modes of a node."""

    TCP = "tcp"
    SYN = "syn"
    L7 = "l7"
    AUTO = "auto"


@app.callback()
def lab() -> None:
    """Client, node and origin in network namespaces."""


@app.command()
def up(
    detach: Annotated[bool, typer.Option(help="Return when the node is healthy.")] = False,
    mode: Annotated[Mode | None, typer.Option(help="Mode of the node.")] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A secbeat.toml whose keys replace the lab's own."),
    ] = None,
    instance: InstanceOption = DEFAULT,
    orchestrator: Annotated[
        bool, typer.Option(help="Start an orchestrator that the node follows.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Start a lab; without --detach it runs until Ctrl-C."""
    lab, chosen = Instance(instance), mode.value if mode else None
    wish = lifecycle.Wish(lab, chosen, config, has_orchestrator=orchestrator)
    end = f"'{advice.stop(wish.instance)}' ends it" if detach else "Ctrl-C ends it"

    def welcome(document: status.Document) -> None:
        if as_json:
            _document(document)
        else:
            _welcome(document, end)

    if detach:
        welcome(up_detached(wish, _say))
    else:
        lifecycle.up(wish, _say, welcome)


@app.command()
def down(instance: InstanceOption = DEFAULT, as_json: JsonOption = False) -> None:
    """Stop a lab, and remove what a crash has left of it."""
    lab = Instance(instance)
    if not lifecycle.down(lab, _say):
        _say(f"no lab {instance!r} is there")
    if as_json:
        _document(status.read(lab))


@app.command("status")
def show_status(as_json: JsonOption = False, instance: InstanceOption = DEFAULT) -> None:
    """Show whether a lab runs, and its addresses; exit code 3 if it is not up."""
    document = status.read(Instance(instance))
    if as_json:
        _document(document)
    else:
        _table(Output(as_json), document)
        if document["state"] == "crashed":
            _say(f"its supervisor has died: '{advice.stop(Instance(instance))}' cleans up")
    if document["state"] != "up":
        raise typer.Exit(NOT_UP)


def _say(text: str) -> None:
    print(f"lab: {text}", file=sys.stderr, flush=True)


def _document(document: status.Document) -> None:
    typer.echo(json.dumps(document, indent=2))
    sys.stdout.flush()


def _table(output: Output, document: status.Document) -> None:
    output.line(f"lab {document['instance']}: {document['state']}")
    processes = [
        (name, process["state"], process["pid"], process["user"] or "root", process["restarts"])
        for name, process in document.get("processes", {}).items()
    ]
    if processes:
        output.table(PROCESSES, processes)
    found = {
        name: value if isinstance(value, str) else ", ".join(value)
        for name, value in document.get("addresses", {}).items()
    }
    found |= {name: str(document[name]) for name in FILES if name in document}
    if found:
        output.table(PAIRS, list(found.items()))


def _fleet(document: status.Document) -> str:
    """The lines about the lab's own orchestrator, if it has one."""
    address = document["addresses"].get("orchestrator")
    if address is None:
        return ""
    return f"""  orchestrator      http://{address}     API documentation: http://{address}/docs
  its admin key     {document["orchestrator_key_file"]}
"""


def _welcome(document: status.Document, end: str) -> None:
    addresses, spaces = document["addresses"], document["namespaces"]
    secbeat = advice.secbeat()
    options = (
        ""
        if document["instance"] == DEFAULT
        else (f" --url http://{addresses['api']} --key-file {document['key_file']}")
    )
    client, _ = addresses["client"]
    origin4, origin6 = addresses["origin"]
    enter = f"{advice.as_root()}ip netns exec {spaces['client']}"
    typer.echo(
        f"""
The node is up: {spaces["client"]} <-> {spaces["node"]} <-> {spaces["origin"]}

  management API    http://{addresses["api"]}     API documentation: http://{addresses["api"]}/docs
  metrics           http://{addresses["metrics_public"]}/metrics (public)
                    http://{addresses["metrics_internal"]}/metrics (internal)
  client            {", ".join(addresses["client"])}
  origin            {origin4}, {origin6} (nginx)
  admin key         {document["key_file"]}
  logs              {document["log_directory"]}
{_fleet(document)}
Try:
  {enter} curl http://{origin4}/
  {secbeat} blacklist add {client} --duration 60{options}
  {secbeat} stats{options}

{end}.""",
    )
    sys.stdout.flush()
