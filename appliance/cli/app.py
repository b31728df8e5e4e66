"""The commands of ``secbeat``. Most send requests to an API: the node's, or with ``fleet`` the
orchestrator's; docs/cli.md names those that work on the local host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from appliance.cli.lazy import LazyCommand, LazyGroup
from appliance.cli.terminal import apps
from appliance.cli.terminal.apps import command_group

_ROOM, _REFERENCE = "appliance.cli.commands", "appliance.cli.reference"
COMMANDS = {
    "status": ("node:status", "State and health of the node."),
    "stats": ("node:stats", "Packet counters: received, forwarded, dropped by reason."),
    "attacks": ("attacks.incidents:app", "Attacks, active and past."),
    "events": ("attacks.events:events", "Recorded events, or new events as they happen."),
    "top": ("top.command:top", "Rates, heaviest sources and attacks, live."),
    "explain": ("explain.command:explain", "The verdict on a packet, and the reason."),
    "reasons": ("reasons:reasons", "Every drop reason, whom it can hit, and the remedy."),
    "blacklist": (
        "lists.entries:blacklist",
        "Addresses and prefixes whose packets are dropped.",
    ),
    "allowlist": (
        "lists.entries:allowlist",
        "Addresses and prefixes that are exempt from bans.",
    ),
    "policy": ("policy.command:app", "The policy: profiles, modes and rules."),
    "fleet": ("fleet.command:app", "The fleet: deployments of policies, enrolment tokens."),
    "baseline": (
        "baseline.command:app",
        "Recorded usual traffic, and thresholds proposed from it.",
    ),
    "panic": ("panic:panic", "Set all profiles to monitor for a time."),
    "drain": ("drain:drain", 'Report "not ready" while the node continues to forward.'),
    "rules": ("rules.entries:app", "The rules of the WAF."),
    "countries": ("countries:app", "The country database."),
    "keys": ("keys:app", "API keys and their roles."),
    "webhooks": ("webhooks:app", "Receivers of events."),
    "nodes": ("fleet.nodes:app", "The nodes of the fleet."),
    "threats": ("fleet.threats:threats", "Attacks on the fleet."),
    "scale": ("fleet.scale:app", "Add nodes to the fleet, or remove them."),
    "audit": ("audit:app", "The audit trail: every change with key, time and source."),
    "backup": ("backup:app", "Backup of this host in one archive, and restore; as root."),
    "host": (
        "host:show_help",
        "Set up this machine as a node, at every boot; as root.",
    ),
    "lab": ("lab:app", "Client, node and origin in network namespaces."),
    "replay": (
        "replay.command:replay",
        "Run the packet path over a capture.",
    ),
    "doctor": ("doctor:doctor", "Check whether this host can be a node."),
    "version": ("version:version", "The version of SecBeat."),
}


class SecBeatGroup(LazyGroup):
    """All commands of ``secbeat``."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, (target, summary) in COMMANDS.items():
            self.add_command(LazyCommand(name, f"{_ROOM}.{target}", summary))
        summary = "Completion of commands and options in bash, zsh or fish."
        target = f"{_REFERENCE}.completion:completion"
        self.add_command(LazyCommand("completion", target, summary))


app = command_group(SecBeatGroup)


def _print_version(wanted: bool) -> None:
    if wanted:
        from dataplane.base.version import version  # noqa: PLC0415 - help does without

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
    apps.run(app, words)
