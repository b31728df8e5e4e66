"""``secbeat backup``: on the host itself, as root."""

from __future__ import annotations

import os
import socket
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from appliance import commands
from appliance.backup import archive
from appliance.backup.create import create as create_backup
from appliance.backup.errors import NotRootError
from appliance.backup.manifest import Manifest, require_known
from appliance.backup.places import Places
from appliance.backup.restore import Restore, prepare
from appliance.cli.terminal.apps import command_group
from appliance.cli.terminal.confirmation import confirm
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output, warn
from appliance.defaults import CONFIG_FILE

app = command_group()

_SHOWN_MAX = 60
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The archive.")]
ConfigOption = Annotated[
    Path,
    typer.Option(
        "--config",
        metavar="FILE",
        help="The node's configuration. Any file but the default one: that node only.",
    ),
]
DatabaseOption = Annotated[
    bool, typer.Option("--without-database", help="Leave the fleet's database out.")
]


@app.callback()
def backup() -> None:
    """Backup of this host in one archive, and restore; as root."""


@app.command()
def create(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="The archive; default: secbeat-HOST-TIME.tar.gz in the current directory.",
        ),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    without_database: DatabaseOption = False,
    config: ConfigOption = CONFIG_FILE,
    as_json: JsonOption = False,
) -> None:
    """Write databases, keys, certificates and configuration to an archive; nothing is stopped.

    The archive contains every secret of the host; its mode is 0600.
    """
    _require_root()
    target = (file or _name()).absolute()
    manifest = create_backup(
        Places.of(config), target, with_database=not without_database, replace=force
    )
    output = Output(as_json)
    if as_json:
        output.document({"file": str(target), "bytes": target.stat().st_size, **_about(manifest)})
        return
    output.line(f"{target}: {len(manifest.files)} files, {target.stat().st_size} bytes")
    warn("the archive contains every secret of this host: encrypt it before you copy it elsewhere")


@app.command()
def restore(
    file: FileArgument,
    *,
    check: Annotated[bool, typer.Option("--check", help="Only check the archive.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")] = False,
    without_database: DatabaseOption = False,
    config: ConfigOption = CONFIG_FILE,
    as_json: JsonOption = False,
) -> None:
    """Check an archive, show what it replaces, ask, and replace it: everything or nothing.

    Stops the processes of this host, and starts them afterwards.
    """
    output = Output(as_json)
    if check:
        manifest = archive.check(file)
        require_known(manifest)
        if as_json:
            output.document(_about(manifest))
        else:
            output.line(f"{file}: whole; {len(manifest.files)} files of {_made(manifest)}")
        return
    _require_root()
    if not yes and not sys.stdin.isatty():
        raise typer.BadParameter("stdin is no terminal to ask on: confirm with --yes")
    places = Places.of(config)
    with prepare(places, file, with_database=not without_database, tell=warn) as prepared:
        if not yes:
            _confirm(prepared)
        started = prepared.carry_out(commands.run, warn)
        _say(output, prepared, started)


def _confirm(prepared: Restore) -> None:
    """Show on stderr what will happen, and ask."""
    warn(f"backup of {_made(prepared.manifest)}")
    changes = [one for one in prepared.changes if one.effect != "same"]
    for one in changes[:_SHOWN_MAX]:
        warn(f"{one.effect}: {one.path}")
    if len(changes) > _SHOWN_MAX:
        warn(f"and {len(changes) - _SHOWN_MAX} more files")
    if prepared.dump is not None:
        warn("replaced: the fleet's database")
    for directory in prepared.kept_in:
        warn(f"the old files will be in {directory}")
    if prepared.restarts_dataplane:
        warn("the packet path restarts: the node forwards nothing meanwhile")
    confirm("Restore?")


def _say(output: Output, prepared: Restore, started: list[str]) -> None:
    effects = Counter(one.effect for one in prepared.changes)
    if output.as_json:
        output.document(
            {
                **_about(prepared.manifest),
                "changes": effects,
                "old_files": [str(one) for one in prepared.kept_in],
                "started": started,
            }
        )
        return
    named = ", ".join(f"{count} {effect}" for effect, count in sorted(effects.items()))
    output.line(f"restored: {named}")
    for directory in prepared.kept_in:
        output.line(f"old files: {directory}")
    if started:
        output.line(f"started: {', '.join(started)}")
    elif prepared.places.has_units:
        output.line("no enabled unit is to be started")
    else:
        output.line("start the processes of this node now")
    if prepared.restarts_dataplane and prepared.places.has_units:
        warn("NICs and packet memory of the restored configuration take effect with a reboot")


def _about(manifest: Manifest) -> dict[str, object]:
    return {
        "host": manifest.host,
        "created": manifest.created,
        "version": manifest.version,
        "schemas": dict(manifest.schemas),
        "files": len(manifest.files),
    }


def _made(manifest: Manifest) -> str:
    return f"{manifest.host}, {manifest.created}, SecBeat {manifest.version}"


def _name() -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Path(f"secbeat-{socket.gethostname()}-{stamp}.tar.gz")


def _require_root() -> None:
    if os.geteuid() != 0:
        raise NotRootError(
            "a backup contains files that only root may read and replace: run it with sudo"
        )
    os.umask(0o077)
