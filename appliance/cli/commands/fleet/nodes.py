"""``secbeat nodes``: the nodes of a fleet, as its orchestrator knows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client import draining
from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.streams import write_list
from appliance.cli.client.urls import quoted
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    FleetKeyFileOption,
    JsonOption,
    OrchestratorOption,
    TimeoutOption,
)
from appliance.cli.terminal.output import Cell, Output
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Column, Columns

COLUMNS: Columns = {
    "id": KEY,
    "status": Column(1),
    "mode": Column(7),
    "load": Column(3),
    "address": Column(4),
    "version": Column(8),
    "last_seen_at": Column(6),
    "follows": Column(5),
    "reasons": Column(2, wraps=True),
}
FIELDS: Columns = {"field": KEY, "value": KEY_TEXT}
PARTS = ("policy", "lists", "rules")
"""The parts that a node follows."""
DRAIN_S, RESUME_S = 300.0, 60.0
"""Default of --timeout."""
Status = Literal["registering", "healthy", "degraded", "unreachable", "draining"]
Node = Annotated[str, typer.Argument(metavar="NODE", help="The node's id.")]

app = command_group()


@app.command("list")
def list_(
    *,
    status: Annotated[Status | None, typer.Option(help="Only nodes with this status.")] = None,
    mode: Annotated[
        Literal["tcp", "syn", "l7"] | None, typer.Option(help="Only nodes with this mode.")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="Label selector, such as site=fra,role in (edge,core).")
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            help="Only nodes with this text in id or address; ignores the case of ASCII letters."
        ),
    ] = None,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List nodes, by id."""
    query = {"status": status, "mode": mode, "labels": labels, "text": text}
    pages = FleetApi.open(orchestrator, key_file).pages("nodes", query)
    write_list(Output(as_json), "nodes", COLUMNS, pages, _rows)


@app.command()
def show(
    node: Node,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one node."""
    _tell(Output(as_json), FleetApi.open(orchestrator, key_file).get(_path(node)).body)


@app.command()
def label(
    node: Node,
    labels: Annotated[
        list[str], typer.Argument(metavar="LABEL", help="site=fra sets a label, site- removes it.")
    ],
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Set or remove labels of a node."""
    body = {"labels": dict(map(_label, labels))}
    found = FleetApi.open(orchestrator, key_file).patch(_path(node), body).body
    output = Output(as_json)
    if as_json:
        output.document(found)
    else:
        output.line(f"{node}: {_labels(found['labels'])}")


@app.command()
def drain(
    node: Node,
    *,
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Return when the drain of the node is complete."),
    ] = False,
    timeout: TimeoutOption = DRAIN_S,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drain a node: it reports "not ready" and continues to forward."""
    api, output = FleetApi.open(orchestrator, key_file), Output(as_json)
    _want(api, node, "drain", output, timeout if wait else None)


@app.command()
def resume(
    node: Node,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Return when the node reports that its drain is over.")
    ] = False,
    timeout: TimeoutOption = RESUME_S,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a node's draining."""
    api, output = FleetApi.open(orchestrator, key_file), Output(as_json)
    _want(api, node, "resume", output, timeout if wait else None)


@app.command()
def delete(
    node: Node,
    allow_again: Annotated[
        bool,
        typer.Option(
            "--allow-again", help="Allow the node to enrol again, also if it was deleted before."
        ),
    ] = False,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a node and revoke its key; its recorded attacks stay."""
    query = {"allow_again": "true"} if allow_again else None
    FleetApi.open(orchestrator, key_file).delete(_path(node), query)
    output = Output(as_json)
    if as_json:
        output.document({"id": node, "deleted": True})
    else:
        output.line(f"node {node} is deleted")


def _want(api: FleetApi, node: str, what: str, output: Output, wait_s: float | None) -> None:
    found = api.post(f"{_path(node)}/{what}", None).body
    if wait_s is not None:
        found = draining.wait(api, _path(node), found, wait_s)
    if output.as_json:
        output.document(found)
    else:
        output.line(f"{node}: {found['status']}")


def _tell(output: Output, found: dict[str, Any]) -> None:
    if output.as_json:
        output.document(found)
        return
    drain = found["drain"]
    shown = found | {
        "reasons": ", ".join(found["reasons"]) or None,
        "labels": _labels(found["labels"]),
        **{part: _part(found[part]) for part in PARTS},
        "drain": None if drain is None else f"{drain['number']} {drain['state']}",
    }
    stats = shown.pop("stats")
    output.table(FIELDS, [*shown.items(), *stats.items()])


def _rows(nodes: Iterable[dict[str, Any]]) -> Iterable[Sequence[Cell]]:
    for node in nodes:
        shown = node | {
            "reasons": ", ".join(node["reasons"]) or None,
            "follows": _follows(node),
        }
        yield [shown[column] for column in COLUMNS]


def _follows(node: dict[str, Any]) -> str:
    """``newest``, or the parts that the node does not have in their newest form."""
    behind = [part for part in PARTS if not (node[part] or {}).get("is_newest")]
    return f"behind: {', '.join(behind)}" if behind else "newest"


def _part(found: dict[str, Any] | None) -> str | None:
    if found is None:
        return None
    newest = "newest" if found["is_newest"] else f"wanted: {found['wanted'] or 'none'}"
    why = f": {found['message']}" if found["message"] else ""
    return f"{found['number']} {found['state']}, {newest}{why}"


def _label(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if equals:
        return name, value
    if not text.endswith("-"):
        raise typer.BadParameter(f"{text!r}: write name=value, or name- to remove a label")
    return text[:-1], None


def _labels(labels: dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(labels.items())) or "no labels"


def _path(node: str) -> str:
    return f"nodes/{quoted(node, 'NODE')}"
