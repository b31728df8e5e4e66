"""The commands of ``secbeat``. All but countries, host, lab, replay and
doctor is asked of the API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.main import get_command

from appliance.cli.lazy import LazyCommand, LazyGroup
from dataplane.version import version

COMMANDS = {
    "status": ("appliance.cli.node:status", "State and health of the node."),
    "stats": ("appliance.cli.node:stats", "What the node has done with packets."),
    "blacklist": ("appliance.cli.lists:blacklist", "Addresses and prefixes that are dropped."),
    "allowlist": ("appliance.cli.lists:allowlist", "Addresses and prefixes that no ban stops."),
    "policy": ("appliance.cli.policy:app", "What becomes of a packet when a reason hits."),
    "countries": ("appliance.cli.countries:app", "In which country an address is."),
    "keys": ("appliance.cli.keys:app", "API keys and their roles."),
    "audit": ("appliance.cli.audit:app", "Who changed what, when, from where."),
    "host": (
        "appliance.cli.host:show_help",
        "What makes this machine a node, at every boot; as root.",
    ),
    "lab": ("appliance.cli.lab:app", "Client, node and origin in network namespaces."),
    "replay": ("appliance.cli.replay:replay", "Run the packet path over a capture."),
    "doctor": ("appliance.cli.doctor:doctor", "What keeps this host from being a node."),
    "version": ("appliance.cli.version:version", "The version of SecBeat."),
}


class SecBeatGroup(LazyGroup):
    """All commands of ``secbeat``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (target, summary) in COMMANDS.items():
            self.add_command(LazyCommand(name, target, summary))


app = typer.Typer(cls=SecBeatGroup, no_args_is_help=True, pretty_exceptions_enable=False)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version())
        raise typer.Exit


@app.callback()
def root(
    _: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """SecBeat: inline DDoS mitigation. Every command takes --json."""


def run(words: Sequence[str]) -> None:
    """Run a command; always ends in SystemExit, or raises SecBeatError."""
    get_command(app)(words, prog_name="secbeat")
