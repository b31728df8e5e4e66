"""Entry points of the node's processes: each reads ``secbeat.toml`` and is composed in one place.

``secbeat-dataplane``, ``secbeat-api`` and ``secbeat-agent`` are these functions; a source tree runs
them as ``python -m appliance.cli.processes dataplane --config FILE``. What goes wrong on purpose
becomes a line on stderr and the error's exit code.
"""
# ruff: noqa: PLC0415 - a process imports its own parts only, or all would pay for all

from __future__ import annotations

import argparse
import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance.config import (
    DEFAULT_FILE,
    NodeConfig,
    agent_settings,
    api_settings,
    dataplane_settings,
    load_config,
)
from dataplane.errors import SecBeatError

Run = Callable[[NodeConfig], int]
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


def _run_dataplane(config: NodeConfig) -> int:
    from dataplane.process import run

    return run(dataplane_settings(config))


def _run_api(config: NodeConfig) -> int:
    from api.management.server import run

    _share_arenas()
    return run(api_settings(config, os.environ))


def _share_arenas() -> None:
    """Let all threads allocate from two heaps, instead of one each that keeps its own peak (glibc
    mallopt(3)): 5 MB after eight threads have read pages of a list.
    """
    mallopt = ctypes.CDLL(None).mallopt
    mallopt.argtypes, mallopt.restype = [ctypes.c_int, ctypes.c_int], ctypes.c_int
    mallopt(_M_ARENA_MAX, _ARENAS_MAX)


def _run_agent(config: NodeConfig) -> int:
    from api.agent.process import run

    return run(agent_settings(config))


def _start(name: str, run: Run, arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument(
        "--config", type=Path, default=DEFAULT_FILE, metavar="FILE", help="default: %(default)s"
    )
    file: Path = parser.parse_args(arguments).config
    try:
        return run(load_config(file))
    except SecBeatError as error:
        for line in str(error).splitlines():
            print(f"{name}: {line}", file=sys.stderr)
        return error.exit_code


_PROCESSES: dict[str, Callable[[Sequence[str]], int]] = {
    "dataplane": dataplane,
    "api": api,
    "agent": agent,
}


def main(arguments: Sequence[str]) -> int:
    """Run the process named by the first argument."""
    parser = argparse.ArgumentParser(prog="python -m appliance.cli.processes", add_help=False)
    parser.add_argument("process", choices=_PROCESSES)
    chosen = parser.parse_args(arguments[:1]).process
    return _PROCESSES[chosen](arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
