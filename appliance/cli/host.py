"""``secbeat host``: what the units of an appliance run as root at every boot."""
# ruff: noqa: PLC0415 - at boot every command pays for its own imports only

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli.options import ConfigOption, JsonOption
from appliance.cli.output import Output
from appliance.commands import run
from appliance.config.load import DEFAULT_FILE, load_config
from appliance.host.files import Host, HostError
from appliance.host.steps import Step, carry_out

if TYPE_CHECKING:
    from appliance.config.resolution import Resolution

app = typer.Typer(no_args_is_help=True, add_completion=False)

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
]


@app.command()
def prepare(
    config: ConfigOption = DEFAULT_FILE, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Reserve packet memory, and set the workers' CPUs apart."""
    from appliance.host import cpus
    from appliance.host.prepare import plan

    node, output = load_config(config), Output(as_json)
    steps = _do(plan(Host(), node, run), dry_run)
    if not as_json:
        output.line(cpus.note(Host(), node))
    _tell(output, "steps", steps)


@app.command()
def network(
    config: ConfigOption = DEFAULT_FILE, dry_run: DryRunOption = False, as_json: JsonOption = False
) -> None:
    """Have the management NIC configured by DHCP; a .network file of somebody else's wins."""
    from appliance.host.management import plan

    _tell(Output(as_json), "steps", _do(plan(Host(), load_config(config), run), dry_run))


@app.command()
def nics(
    config: ConfigOption = DEFAULT_FILE,
    dry_run: DryRunOption = False,
    release: Annotated[
        bool, typer.Option("--release", help="Give the data NICs back to the kernel instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find the configured NICs, bind the data NICs to DPDK's driver, write down which is which."""
    from appliance.host import nics as nics_of_host
    from appliance.host.survey import Survey

    node, host, output = load_config(config), Host(), Output(as_json)
    if not dry_run:
        _require_root()
    if release:
        _tell(output, "released", nics_of_host.release(host, node, dry_run=dry_run))
        return
    if dry_run:
        _tell(output, "steps", Survey(host, node).plan().steps)
        return
    nics_of_host.wait_for_drivers(host, node, run)
    plan = Survey(host, node).plan()
    found = nics_of_host.apply(host, node, plan, run)
    _print_found(output, found, plan.steps)


@app.command()
def firstboot(
    image: Annotated[
        bool,
        typer.Option("--image", help="Also ssh host keys, the seed volume and the account."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make what only this node has: id, certificate. Does nothing where it is done."""
    from appliance.host.firstboot.run import first_boot

    _require_root()
    _tell(Output(as_json), "done", first_boot(Host(), run, image=image))


@app.command()
def console(dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Write what the consoles show above the login: state, addresses, the next step."""
    from appliance.host.console import FILE, look, text

    if not dry_run:
        _require_root()
    host, output = Host(), Output(as_json)
    message = text(look(host, run))
    if not dry_run and host.content(FILE) != message:
        host.install(FILE, message)
    if as_json:
        output.document({"file": FILE, "text": message})
    else:
        for line in message.splitlines():
            output.line(line)


def _do(steps: Sequence[Step], dry_run: bool) -> list[str]:
    if dry_run:
        return [step.what for step in steps]
    _require_root()
    return carry_out(steps)


def _print_found(output: Output, found: Resolution, steps: list[str]) -> None:
    if output.as_json:
        output.document({**found.document(), "steps": steps})
        return
    ports = {"outside": found.outside, "inside": found.inside, "management": found.management}
    columns = ("port", "device", "address", "mac", "driver", "DPDK")
    output.table(
        columns,
        [
            (name, port.device, port.address, port.mac, port.driver, port.pmd)
            for name, port in ports.items()
            if port is not None
        ],
    )


def _tell(output: Output, name: str, lines: list[str]) -> None:
    if output.as_json:
        output.document({name: lines})
        return
    for line in lines or ["nothing to do"]:
        output.line(line)


def _require_root() -> None:
    if os.geteuid() != 0:
        raise HostError("this changes the host and needs root: run it with sudo")
