"""The commands of ``secbeat``. All but countries, host, lab, replay and doctor are asked of an
API: the node's, or with ``fleet`` the orchestrator's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.main import get_command

from appliance.cli.lazy import LazyCommand, LazyGroup
from appliance.cli.terminal.plain import HELP_OPTIONS, prepare_help
from appliance.cli.words import with_json_last
from dataplane.base.version import version

_ROOM = "appliance.cli.commands"
COMMANDS = {
    "status": ("node:status", "State and health of the node."),
    "stats": ("node:stats", "What the node has done with packets."),
    "attacks": ("attacks.incidents:app", "Attacks, active and past."),
    "events": ("attacks.events:events", "What has happened, or happens."),
    "top": ("top.command:top", "Rates, heaviest sources and attacks, live."),
    "explain": ("explain.command:explain", "What would happen to a packet now, and why."),
    "reasons": ("reasons:reasons", "Why packets are dropped, and what to do about it."),
    "blacklist": (
        "lists.entries:blacklist",
        "Addresses and prefixes that are dropped.",
    ),
    "allowlist": (
        "lists.entries:allowlist",
        "Addresses and prefixes that no ban stops.",
    ),
    "policy": ("policy.command:app", "What becomes of a packet when a reason hits."),
    "fleet": ("fleet.command:app", "The fleet: deployments of policies, enrolment tokens."),
    "baseline": ("baseline.command:app", "What profiles are used to, and thresholds from it."),
    "panic": ("panic:panic", "Let every profile only watch, for a time."),
    "drain": ("drain:drain", "Not ready, and forwarding what still comes."),
    "rules": ("rules.entries:app", "What the WAF looks for in requests."),
    "countries": ("countries:app", "In which country an address is."),
    "keys": ("keys:app", "API keys and their roles."),
    "webhooks": ("webhooks:app", "Who is told of events."),
    "nodes": ("nodes:app", "The nodes of the fleet."),
    "threats": ("threats:threats", "What attacks the fleet."),
    "scale": ("scale:app", "More nodes of the fleet, and fewer."),
    "audit": ("audit:app", "Who changed what, when, from where."),
    "host": (
        "host:show_help",
        "What makes this machine a node, at every boot; as root.",
    ),
    "lab": ("lab:app", "Client, node and origin in network namespaces."),
    "replay": (
        "replay.command:replay",
        "Run the packet path over a capture.",
    ),
    "doctor": ("doctor:doctor", "What keeps this host from being a node."),
    "version": ("version:version", "The version of SecBeat."),
}


class SecBeatGroup(LazyGroup):
    """All commands of ``secbeat``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (target, summary) in COMMANDS.items():
            self.add_command(LazyCommand(name, f"{_ROOM}.{target}", summary))


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
    prepare_help()
    get_command(app)(
        with_json_last(words), prog_name="secbeat", help_option_names=list(HELP_OPTIONS)
    )
