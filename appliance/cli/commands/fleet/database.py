"""``secbeat fleet database``: on the orchestrator's host, as the orchestrator's user."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from api.orchestrator.database import backup
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output
from appliance.config.orchestrator import database_url, load_orchestrator
from appliance.defaults import ORCHESTRATOR_FILE

app = command_group()

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The copy.")]
ConfigOption = Annotated[Path, typer.Option("--config", help="The orchestrator's configuration.")]


@app.callback()
def database() -> None:
    """Dump and restore of the orchestrator's database; on its host, as its user."""


@app.command()
def dump(
    file: FileArgument, config: ConfigOption = ORCHESTRATOR_FILE, as_json: JsonOption = False
) -> None:
    """Copy the database to a file that only its user can read; the orchestrator may run."""
    backup.dump(_url(config), file.absolute())
    _tell(as_json, "copied", file)


@app.command()
def restore(
    file: FileArgument, config: ConfigOption = ORCHESTRATOR_FILE, as_json: JsonOption = False
) -> None:
    """Replace the database by a copy, in a new epoch; no orchestrator may run.

    A PostgreSQL database must be empty, or have only the empty tables of an orchestrator.
    """
    backup.restore(_url(config), file.absolute())
    _tell(as_json, "restored", file)


def _url(config: Path) -> str:
    return database_url(load_orchestrator(config), os.environ)


def _tell(as_json: bool, done: str, file: Path) -> None:
    output = Output(as_json)
    if as_json:
        output.document({done: str(file)})
    else:
        output.line(f"{done}: {file}")
