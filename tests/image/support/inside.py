"""Questions to a machine, asked through testinfra as root; each is one command there.

Answers are whole sets, so that a test can say what there is and not just what should be among it.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

NO_LOGIN = ("/usr/sbin/nologin", "/bin/false", "/bin/sync")


@dataclass(frozen=True)
class Listener:
    """A socket that waits for strangers."""

    protocol: str
    address: str
    port: int
    process: str


@dataclass(frozen=True)
class Process:
    """A user-space process, by what it may do."""

    name: str
    unit: str
    """The unit that it belongs to; empty for init."""
    user: int
    effective: int
    permitted: int
    bounding: int
    ambient: int
    no_new_privileges: bool
    system_calls_filtered: bool


def users(host: Any) -> dict[str, int]:
    """All accounts, by name with their numbers."""
    rows = (line.split(":") for line in _lines(host, "getent passwd"))
    return {fields[0]: int(fields[2]) for fields in rows}


def users_with_shell(host: Any) -> set[str]:
    """Accounts whose shell lets somebody in."""
    accounts = (line.split(":") for line in _lines(host, "getent passwd"))
    return {fields[0] for fields in accounts if fields[6] not in NO_LOGIN}


def groups(host: Any) -> dict[str, set[str]]:
    """Groups that have members beside those whose own group they are."""
    rows = (line.split(":") for line in _lines(host, "getent group"))
    return {fields[0]: set(fields[3].split(",")) for fields in rows if fields[3]}


def enabled_units(host: Any) -> set[str]:
    """Units that something starts by itself."""
    # From the files: the list takes a busy machine longer than systemd lets a client wait.
    command = "systemctl --root=/ list-unit-files --state=enabled --no-legend --no-pager"
    return {line.split()[0] for line in _lines(host, command)}


def failed_units(host: Any) -> set[str]:
    """Units that systemd holds for failed."""
    command = "systemctl list-units --failed --plain --no-legend --no-pager"
    return {line.split()[0] for line in _lines(host, command)}


def running_services(host: Any) -> set[str]:
    """Services with a process, without those of whoever is logged in to ask."""
    command = "systemctl list-units --type=service --state=running --plain --no-legend --no-pager"
    names = {line.split()[0] for line in _lines(host, command)}
    return {name for name in names if not name.startswith("user@")}


def packages(host: Any) -> set[str]:
    """Names of all Debian packages."""
    return set(_lines(host, "dpkg-query -W -f '${Package}\\n'"))


def listeners(host: Any) -> set[Listener]:
    """All TCP and UDP sockets that listen."""
    return {_listener(line) for line in _lines(host, "ss -Htulnp")}


def kernel_command_line(host: Any) -> list[str]:
    """Its words, without those that the boot loader adds."""
    words = host.check_output("cat /proc/cmdline").split()
    return [word for word in words if not word.startswith(("BOOT_IMAGE=", "root="))]


def drivers(host: Any, addresses: Iterable[str]) -> dict[str, str]:
    """Kernel driver by PCI address."""
    links = [f"/sys/bus/pci/devices/{address}/driver" for address in addresses]
    targets = _lines(host, shlex.join(["readlink", *links]))
    return {
        link.split("/")[5]: target.split("/")[-1]
        for link, target in zip(links, targets, strict=True)
    }


def modes(host: Any, paths: Iterable[str]) -> dict[str, str]:
    """Mode, owner and group by path; what is not there is not in the answer."""
    script = f"stat -c '%n %04a %U:%G' {shlex.join(paths)} 2>/dev/null; true"
    return dict(line.split(" ", 1) for line in _lines(host, script))


def processes(host: Any) -> list[Process]:
    """All processes with a program; the kernel's own threads are left out."""
    script = (
        'for p in /proc/[0-9]*; do [ -n "$(readlink $p/exe)" ]'
        " && cat $p/status $p/cgroup && echo; done; true"
    )
    text = host.check_output(f"sh -c {shlex.quote(script)}")
    return [_process(block) for block in text.split("\n\n") if block.strip()]


def properties(host: Any, units: Iterable[str], *names: str) -> dict[str, dict[str, str]]:
    """Properties by unit."""
    command = f"systemctl show {' '.join(units)} --property=Id,{','.join(names)}"
    blocks = str(host.check_output(command)).split("\n\n")
    found = [dict(line.split("=", 1) for line in block.splitlines() if line) for block in blocks]
    return {values.pop("Id"): values for values in found}


def on_removed_files(host: Any, units: Iterable[str], folder: str) -> set[str]:
    """Units whose main process runs files below the folder that are removed or replaced since."""
    found = {unit: values["MainPID"] for unit, values in properties(host, units, "MainPID").items()}
    pattern = shlex.quote(f" {folder}.* (deleted)$")
    return {
        unit
        for unit, pid in found.items()
        if pid != "0" and host.run(f"grep -q {pattern} /proc/{pid}/maps").succeeded
    }


def _lines(host: Any, command: str) -> list[str]:
    return [line for line in str(host.check_output(command)).splitlines() if line]


def _listener(line: str) -> Listener:
    protocol, _state, _received, _sent, local, _peer, *rest = line.split()
    address, _, port = local.rpartition(":")
    process = rest[0].split('"')[1] if rest else ""
    return Listener(protocol, address, int(port), process)


def _process(block: str) -> Process:
    values = dict(line.split(":", 1) for line in block.splitlines() if ":" in line)
    return Process(
        name=values["Name"].strip(),
        unit=values["0"].rpartition("/")[2].strip(),
        user=int(values["Uid"].split()[0]),
        effective=int(values["CapEff"], 16),
        permitted=int(values["CapPrm"], 16),
        bounding=int(values["CapBnd"], 16),
        ambient=int(values["CapAmb"], 16),
        no_new_privileges=values["NoNewPrivs"].strip() == "1",
        system_calls_filtered=values["Seccomp"].strip() == "2",
    )
