"""``secbeat host``: the commands that the units of an appliance run as root at every boot.

Without typer: importing it and building a command takes longer than all that a one-shot does (0.15
of 0.25 s of CPU time, Python 3.11; in an emulated machine seconds), and a boot runs five of them.
"""
# ruff: noqa: PLC0415 - every command pays for its own imports only

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from appliance import commands
from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, Column, Columns
from appliance.defaults import CONFIG_FILE
from appliance.host.files import Host, HostError
from appliance.host.steps import Step, carry_out

if TYPE_CHECKING:
    from appliance.config import NodeConfig
    from appliance.config.resolution import Resolution


@dataclass(frozen=True)
class Call:
    """The options of a command, and the objects that it uses."""

    options: argparse.Namespace
    host: Host
    run: commands.Run
    output: Output

    @property
    def config(self) -> NodeConfig:
        """The node's configuration, read."""
        from appliance.config.load import load_config

        return load_config(self.options.config)

    @property
    def is_dry(self) -> bool:
        """True for a dry run; otherwise HostError unless root runs the command."""
        if self.options.dry_run:
            return True
        if os.geteuid() != 0:
            raise HostError("this changes the host and needs root: run it with sudo")
        return False

    def do(self, steps: Sequence[Step]) -> list[str]:
        """Carry steps out; in a dry run, only return their descriptions."""
        return [step.what for step in steps] if self.is_dry else carry_out(steps)

    def tell(self, name: str, lines: Sequence[str]) -> None:
        """Print what was done."""
        if self.output.as_json:
            self.output.document({name: lines})
            return
        for line in lines or ["nothing to do"]:
            self.output.line(line)


def prepare(call: Call) -> None:
    """Reserve packet memory, and isolate the workers' CPUs."""
    from appliance.host import cpus
    from appliance.host.prepare import plan

    config = call.config
    done = call.do(plan(call.host, config, call.run))
    if not call.output.as_json:
        call.output.line(cpus.note(call.host, config))
    call.tell("steps", done)


def network(call: Call) -> None:
    """Configure the management NIC by DHCP; an existing .network file takes precedence."""
    from appliance.host.management import plan

    call.tell("steps", call.do(plan(call.host, call.config, call.run)))


def nics(call: Call) -> None:
    """Find the configured NICs, bind the data NICs to DPDK's driver, and write ports.json."""
    from appliance.host import nics as of_host
    from appliance.host.survey import Survey

    config, host, is_dry = call.config, call.host, call.is_dry
    if call.options.release:
        released = of_host.release(host, config, dry_run=is_dry)
        call.tell("released", released.given)
        if released.refusals:
            raise HostError("\n".join(released.refusals))
        return
    if is_dry:
        call.tell("steps", Survey(host, config).plan().steps)
        return
    of_host.wait_for_drivers(host, config, call.run)
    plan = Survey(host, config).plan()
    _print_found(call.output, of_host.apply(host, config, plan, call.run), plan.steps)


def firstboot(call: Call) -> None:
    """Make the node's id and certificate, if they are missing."""
    from appliance.host.firstboot.run import first_boot

    if not call.is_dry:
        call.tell("done", first_boot(call.host, call.run, image=call.options.image))


def console(call: Call) -> None:
    """Write the text that consoles show above the login: state, addresses, the next step."""
    from appliance.host.console import FILE, look, text

    is_dry = call.is_dry
    message = text(look(call.host, call.run))
    if not is_dry and call.host.content(FILE) != message:
        call.host.install(FILE, message)
    if call.output.as_json:
        call.output.document({"file": FILE, "text": message})
        return
    for line in message.splitlines():
        call.output.line(line)


COMMANDS: dict[str, tuple[Callable[[Call], None], tuple[str, ...]]] = {
    "prepare": (prepare, ("config", "dry-run")),
    "network": (network, ("config", "dry-run")),
    "nics": (nics, ("config", "dry-run", "release")),
    "firstboot": (firstboot, ("image",)),
    "console": (console, ("dry-run",)),
}
SWITCHES = {
    "dry-run": "Show the changes without making them.",
    "release": "Give the data NICs back to the kernel instead.",
    "image": "Also make ssh host keys, and read the seed volume.",
    "json": "Print exactly one JSON document on stdout.",
}
VERBS = tuple(COMMANDS)
DESCRIPTION = "Set up this machine as a node, at every boot; a second run changes nothing."
CONFIG_HELP = "The node's configuration (default: %(default)s)."
PORTS: Columns = {
    "port": KEY,
    "device": KEY,
    "address": Column(1),
    "mac": Column(2),
    "driver": Column(3),
    "DPDK": Column(4),
}


def run(words: Sequence[str]) -> None:
    """Run a command of ``secbeat host``; SecBeatError, or SystemExit for help and wrong usage."""
    options = _parser().parse_args(words)
    command, _ = COMMANDS[options.verb]
    command(Call(options, Host(), commands.run, Output(options.json)))


def show_help() -> None:
    """Configure this machine as a node, at every boot."""
    _parser().print_help(sys.stdout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="secbeat host",
        description=DESCRIPTION,
    )
    parser.set_defaults(dry_run=False)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="COMMAND")
    for name, (command, options) in COMMANDS.items():
        verb = verbs.add_parser(name, help=command.__doc__, description=command.__doc__)
        for option in (*options, "json"):
            if option == "config":
                verb.add_argument(
                    "--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=CONFIG_HELP
                )
            else:
                verb.add_argument(f"--{option}", action="store_true", help=SWITCHES[option])
    return parser


def _print_found(output: Output, found: Resolution, steps: list[str]) -> None:
    if output.as_json:
        output.document({**found.document(), "steps": steps})
        return
    ports = {"outside": found.outside, "inside": found.inside, "management": found.management}
    output.table(
        PORTS,
        [
            (name, port.device, port.address, port.mac, port.driver, port.pmd)
            for name, port in ports.items()
            if port is not None
        ],
    )
