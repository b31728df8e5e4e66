"""Checks the requirements of a lab before anything is changed: each problem with its remedy."""

from __future__ import annotations

import errno
import os
import pwd
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from api.common.binds import present
from appliance.config import NodeConfig
from appliance.config.binds import Bind
from appliance.lab import advice
from appliance.lab.commands import LabError
from appliance.lab.fleet import orchestrator
from appliance.lab.instance import DEFAULT, Instance
from appliance.lab.network import existing
from appliance.lab.processes.services import ENVIRONMENT, TREE

TOOLS = ("ip", "sysctl", "ethtool", "nginx", "setpriv", "umount")
USERS = ("secbeat", "secbeat-dp", "www-data")
OTHERS_MIB = 450
"""API, agent, orchestrator, nginx and tables beside the packet memory."""
_OTHERS_READ = 0o004


def require_root(what: str) -> None:
    """Raise LabError unless root runs this."""
    if os.geteuid() != 0:
        raise LabError(f"{what} needs root: run it with sudo")


def check(instance: Instance, config: NodeConfig) -> None:
    """Raise LabError with a line for each missing requirement."""
    problems = [
        *_tools(),
        *_users(),
        *_tree(),
        *_ipv6(),
        *_memory(config),
        *_ports(instance, config),
        *_leftovers(instance),
    ]
    if problems:
        raise LabError("\n".join(problems))


def _tools() -> Iterator[str]:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [tool for tool in TOOLS if shutil.which(tool, path=path) is None]
    if missing:
        yield f"not installed: {', '.join(missing)}; run 'make setup'"


def _users() -> Iterator[str]:
    for user in USERS:
        try:
            pwd.getpwnam(user)
        except KeyError:
            yield f"there is no system user {user}: run 'make setup'"


def _tree() -> Iterator[str]:
    library = TREE / "build" / "libsecbeat.so"
    if (TREE / "Makefile").exists() and not library.exists():
        yield f"{library} is not built: run 'make build'"
    for path in (Path(__file__), ENVIRONMENT / "pyvenv.cfg", library):
        if path.exists() and not path.stat().st_mode & _OTHERS_READ:
            yield f"{path} is closed to other users: run 'chmod -R go+rX {TREE}'"
            return


def _ipv6() -> Iterator[str]:
    # The directory is missing with ipv6.disable=1; sysctls alone don't matter to new namespaces.
    if not Path("/proc/sys/net/ipv6").exists():
        yield "the kernel has no IPv6: boot without ipv6.disable=1, or load the module ipv6"


def _memory(config: NodeConfig) -> Iterator[str]:
    needed_mib = config.dataplane.memory_mib + OTHERS_MIB
    found_mib = available_mib()
    if found_mib < needed_mib:
        yield f"{needed_mib} MiB of memory are needed, {found_mib} MiB are available"


def available_mib() -> int:
    """Memory that is available without swapping (proc(5), MemAvailable)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) // 1024
    raise LabError("/proc/meminfo has no MemAvailable")


def _ports(instance: Instance, config: NodeConfig) -> Iterator[str]:
    binds = [*config.api.bind, *config.metrics.public, *config.metrics.internal]
    if orchestrator.is_own(instance, config):
        for port in (orchestrator.PORT, orchestrator.METRICS_PORT):
            binds += instance.binds(port)
    for text in present(binds):
        trouble = bind_error(Bind.parse(text))
        if trouble == errno.EADDRINUSE:
            other = "NAME" if instance.name == DEFAULT else "ANOTHER-NAME"
            yield (
                f"{text} is in use ('{advice.as_root()}ss -ltnp' says by whom): "
                f"stop that, or start this lab beside it with --instance {other}"
            )
        elif trouble:
            yield f"nothing can listen on {text}: {os.strerror(trouble)} ('ip address' shows all)"


def bind_error(bind: Bind) -> int:
    """The errno of a bind to this address; 0: it succeeds."""
    family = socket.AF_INET6 if bind.address.version == 6 else socket.AF_INET  # noqa: PLR2004
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((str(bind.address), bind.port))
        except OSError as error:
            return error.errno or errno.EINVAL
    return 0


def _leftovers(instance: Instance) -> Iterator[str]:
    names = existing(instance.namespaces)
    if names:
        yield (
            f"network namespaces are there already: {', '.join(names)}; "
            f"if a crash left them, '{advice.stop(instance)}' cleans"
        )
