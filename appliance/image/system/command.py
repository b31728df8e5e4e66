"""Runs the system's own tools, and reports their output when they fail.

A tool's output goes to the build's log; with ``show`` also to the terminal. No shell: every
argument is passed unchanged.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from appliance.image.errors import ImageError

LAST_LINES = 25
_LINE_MAX = 400


class Commands:
    """Runs commands, one after the other, with one log."""

    def __init__(self, log: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = log
        self._environment = dict(os.environ if environment is None else environment)

    def run(
        self,
        *command: str | Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        show: bool = False,
    ) -> str:
        """Run a command to its end; returns its output on stdout and stderr together.

        Raises ImageError with its last lines when it fails or does not exist.
        """
        argv = [str(word) for word in command]
        lines: list[str] = []
        with self._log.open("a", buffering=1) as log:
            log.write(f"$ {shlex.join(argv)}\n")
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                    env={**self._environment, **(env or {})},
                    cwd=cwd,
                )
            except FileNotFoundError as exc:
                raise ImageError(f"{argv[0]} is not installed: run 'make setup-image'") from exc
            with process:
                for line in process.stdout or ():
                    lines.append(line)
                    log.write(line)
                    if show:
                        print(f"  {line}", end="", flush=True)
        if process.returncode != 0:
            raise ImageError(_failure(argv, process.returncode, lines, self._log))
        return "".join(lines)


def _failure(argv: list[str], code: int, lines: list[str], log: Path) -> str:
    last = [line.rstrip()[:_LINE_MAX] for line in deque(lines, LAST_LINES)]
    shown = shlex.join(argv)
    if len(shown) > _LINE_MAX:
        shown = f"{shown[:_LINE_MAX]}..."
    return "\n".join(
        [f"'{shown}' failed with {code}; all of it is in {log}; its last lines:", *last]
    )
