"""``secbeat scale``: adds and removes nodes by jobs of the orchestrator."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import typer

from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.outlasting import AWAY_S, outlast
from appliance.cli.client.urls import quoted
from appliance.cli.exits import Exit
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    FleetKeyFileOption,
    JsonOption,
    OrchestratorOption,
)
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, Column, Columns

JOBS: Columns = {
    "id": KEY,
    "action": Column(2),
    "count": Column(4),
    "state": Column(1),
    "created_at": Column(5),
    "ended_at": Column(6),
    "created_by": Column(7),
    "error": Column(3, wraps=True),
}
NODES: Columns = {"id": KEY, "state": Column(1), "job": Column(2), "made_at": Column(3)}
OPEN = ("queued", "running")
POLL_S = 0.5

CountArgument = Annotated[int, typer.Argument(min=1, max=100, metavar="N", help="Number of nodes.")]
WaitOption = Annotated[bool, typer.Option(help="Show the job's log until it has ended.")]

app = command_group()


@app.callback()
def scale() -> None:
    """Add nodes to the fleet, or remove them."""


@app.command()
def up(
    count: CountArgument,
    wait: WaitOption = True,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make nodes; exits with 1 if that fails."""
    body = {"action": "scale_up", "count": count}
    _run(FleetApi.open(orchestrator, key_file), body, wait, Output(as_json))


@app.command()
def down(
    count: CountArgument,
    node: Annotated[
        list[str] | None,
        typer.Option("--node", metavar="ID", help="Id of a node to remove; default: the newest."),
    ] = None,
    wait: WaitOption = True,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Drain nodes that jobs have made, and remove them; exits with 1 if that fails."""
    body: dict[str, Any] = {"action": "scale_down", "count": count}
    if node:
        body["nodes"] = node
    _run(FleetApi.open(orchestrator, key_file), body, wait, Output(as_json))


@app.command("jobs")
def jobs(
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Number of newest rows to show.")
    ] = 20,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """List jobs, newest first."""
    body = FleetApi.open(orchestrator, key_file).get("scale/jobs", {"limit": limit}).body
    output = Output(as_json)
    if as_json:
        output.document(body)
    else:
        output.table(JOBS, [[job[name] for name in JOBS] for job in body["jobs"]])


@app.command()
def show(
    job: Annotated[
        str | None, typer.Argument(help="A job's id; default: show limits and nodes.")
    ] = None,
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a job with its log, or the limits and the nodes that jobs have made."""
    api, output = FleetApi.open(orchestrator, key_file), Output(as_json)
    if job is None:
        _show_nodes(api.get("scale").body, output)
        return
    body = api.get(f"scale/jobs/{quoted(job, 'JOB')}").body
    if as_json:
        output.document(body)
    else:
        _describe(body, output)
        _log(body, output)


@app.command()
def cancel(
    job: Annotated[str, typer.Argument(help="A job's id.")],
    orchestrator: OrchestratorOption = DEFAULT_ORCHESTRATOR,
    key_file: FleetKeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cancel a job: nodes that it was making are removed."""
    answer = FleetApi.open(orchestrator, key_file).post(
        f"scale/jobs/{quoted(job, 'JOB')}/cancel", None
    )
    output = Output(as_json)
    if as_json:
        output.document(answer.body)
    elif answer.body["state"] == "cancelled":
        output.line(f"job {job} is cancelled")
    else:
        output.line(f"job {job} ends soon: 'secbeat scale show {job}' says when")


def _run(api: FleetApi, wanted: dict[str, Any], wait: bool, output: Output) -> None:
    job = api.post("scale", wanted).body
    if not output.as_json:
        _describe(job, output)
    if wait:
        job = _follow(api, job, output)
    if output.as_json:
        output.document(job)
    if wait and job["state"] != "succeeded":
        raise typer.Exit(Exit.REFUSED)


def _follow(api: FleetApi, job: dict[str, Any], output: Output) -> dict[str, Any]:
    """Print the log as it grows; returns the job with all of it when it has ended.

    Raises `TryLaterError`: the orchestrator has not answered for `AWAY_S`.
    """
    path, lines = f"scale/jobs/{quoted(job['id'])}", []
    away = f"the orchestrator has not answered for {AWAY_S:.0f} s; job {job['id']} goes on: "
    away += f"'secbeat scale show {job['id']}' shows it"
    while True:
        ask = partial(api.get, path, {"cursor": job["log_cursor"]})
        job = outlast(ask, away, AWAY_S).body
        lines += job["log"]
        if not output.as_json:
            _log(job, output)
        if job["state"] not in OPEN and not job["log"]:
            return job | {"log": lines}
        if not job["log"]:
            time.sleep(POLL_S)


def _describe(job: dict[str, Any], output: Output) -> None:
    output.line(f"job {job['id']}: {job['action']} {job['count']}: {', '.join(job['nodes'])}")


def _log(job: dict[str, Any], output: Output) -> None:
    output.rows([[line["at"], line["message"]] for line in job["log"]])


def _show_nodes(body: dict[str, Any], output: Output) -> None:
    if output.as_json:
        output.document(body)
        return
    provider = body["provider"] or "none: nothing can be scaled"
    output.line(f"provider {provider}; {body['min']} to {body['max']} nodes")
    if body["running"] is not None:
        output.line(f"job {body['running']} is at work")
    output.table(NODES, [[node[name] for name in NODES] for node in body["nodes"]])
