"""Entry points of the processes: each reads its configuration and is composed in one place.

``secbeat-dataplane``, ``secbeat-api``, ``secbeat-agent``, ``secbeat-orchestrator`` and
``secbeat-provisioner`` are these functions; a source tree runs them as
``python -m appliance.cli.processes dataplane --config FILE``. A `SecBeatError` becomes a line on
stderr and its exit code.
"""
# ruff: noqa: PLC0415 - a process imports its own parts only, or all would pay for all

from __future__ import annotations

import argparse
import ctypes
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.defaults import CONFIG_FILE, ORCHESTRATOR_FILE, PROVISIONER_FILE
from dataplane.base.errors import ConfigurationError, SecBeatError

if TYPE_CHECKING:
    from dataplane.base.settings import DataplaneSettings

Run = Callable[[Path], int]
_M_ARENA_MAX = -8
_ARENAS_MAX = 2


def dataplane(arguments: Sequence[str] | None = None) -> int:
    """Run the packet path until SIGTERM; returns the exit code."""
    return _start("secbeat-dataplane", _run_dataplane, arguments)


def api(arguments: Sequence[str] | None = None) -> int:
    """Run the management API until SIGTERM; returns the exit code."""
    return _start("secbeat-api", _run_api, arguments)


def agent(arguments: Sequence[str] | None = None) -> int:
    """Run the agent until SIGTERM; returns the exit code."""
    return _start("secbeat-agent", _run_agent, arguments)


def orchestrator(arguments: Sequence[str] | None = None) -> int:
    """Run the orchestrator until SIGTERM; returns the exit code."""
    return _start("secbeat-orchestrator", _run_orchestrator, arguments, ORCHESTRATOR_FILE)


def provisioner(arguments: Sequence[str] | None = None) -> int:
    """Run the provisioner until SIGTERM; returns the exit code."""
    return _start("secbeat-provisioner", _run_provisioner, arguments, PROVISIONER_FILE)


def _run_dataplane(file: Path) -> int:
    """Run the data plane. A child process reads the file, so that its validating code needs no
    memory here (13 MB)."""
    from api.common.children import child_environment

    command = [
        sys.executable,
        "-m",
        "appliance.cli.processes",
        "settings",
        "--config",
        str(file),
    ]
    environment = child_environment(keep=("SYN_COOKIE_SECRET", "CREDENTIALS_DIRECTORY"))
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as reading:
        from dataplane.run.process import run  # during the reading

        output, _ = reading.communicate()
    if reading.returncode != 0:
        raise ConfigurationError(f"{file}: reading it ended with status {reading.returncode}")
    directory: Path | None
    found: DataplaneSettings | SecBeatError
    directory, found = pickle.loads(output)  # noqa: S301 - our own
    with _noted(directory):
        if isinstance(found, SecBeatError):
            raise found
        return run(found)


@contextmanager
def _noted(directory: Path | None) -> Iterator[None]:
    """Store the error of a failed start where the API reads it."""
    from dataplane.base.process import failure

    try:
        yield
    except Exception as error:
        if directory is not None:
            known = isinstance(error, SecBeatError)
            failure.note(directory, str(error) if known else repr(error))
        raise


def settings(arguments: Sequence[str] | None = None) -> int:
    """Print the data plane's settings, or the error, for the parent process."""
    return _start("settings", _print_settings, arguments)


def _print_settings(file: Path) -> int:
    from appliance.config import dataplane_settings, load_config

    directory: Path | None = None
    try:
        config = load_config(file)
        directory = config.node.run_dir
        found: DataplaneSettings | SecBeatError = dataplane_settings(config, os.environ)
    except SecBeatError as error:
        found = error
    sys.stdout.buffer.write(pickle.dumps((directory, found)))
    return 0


def _run_api(file: Path) -> int:
    from api.management.server import run
    from appliance.config import api_settings, load_config

    _share_arenas()
    return run(api_settings(load_config(file), os.environ))


def _share_arenas() -> None:
    """Let all threads allocate from two heaps (glibc mallopt(3)).

    Otherwise each thread has a heap that keeps its own peak: 5 MB after eight threads have read
    pages of a list.
    """
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    mallopt(_M_ARENA_MAX, _ARENAS_MAX)


def _run_agent(file: Path) -> int:
    from api.agent.process import run
    from appliance.config import agent_settings, load_config

    _share_arenas()
    return run(agent_settings(load_config(file), os.environ))


def _run_orchestrator(file: Path) -> int:
    from api.orchestrator.server import run
    from appliance.config.orchestrator import load_orchestrator, orchestrator_settings

    _share_arenas()
    return run(orchestrator_settings(load_orchestrator(file), os.environ))


def _run_provisioner(file: Path) -> int:
    from appliance.provisioner.configuration import load_provisioner
    from appliance.provisioner.process import run

    return run(load_provisioner(file))


def _start(
    name: str, run: Run, arguments: Sequence[str] | None, default: Path = CONFIG_FILE
) -> int:
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument(
        "--config", type=Path, default=default, metavar="FILE", help="default: %(default)s"
    )
    file: Path = parser.parse_args(arguments).config
    try:
        return run(file)
    except SecBeatError as error:
        for line in str(error).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        return error.exit_code


_PROCESSES: dict[str, Callable[[Sequence[str]], int]] = {
    "dataplane": dataplane,
    "api": api,
    "agent": agent,
    "orchestrator": orchestrator,
    "provisioner": provisioner,
    "settings": settings,
}


def main(arguments: Sequence[str]) -> int:
    """Run the process named by the first argument."""
    parser = argparse.ArgumentParser(prog="python -m appliance.cli.processes", add_help=False)
    parser.add_argument("process", choices=_PROCESSES)
    chosen = parser.parse_args(arguments[:1]).process
    return _PROCESSES[chosen](arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
