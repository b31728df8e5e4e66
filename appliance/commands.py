"""Runs the system's own tools (ip, systemctl, mount) and translates their failures.

No shell: every argument is passed as it is.
"""

from __future__ import annotations

import subprocess
from typing import Protocol

from dataplane.base.errors import SecBeatError

TIMEOUT_S = 30.0
_SETTLE_S = 30


class CommandError(SecBeatError):
    """A tool is missing, failed, or did not end."""

    exit_code = 1


class Run(Protocol):
    """A function that runs tools; a test passes another one."""

    def __call__(self, *command: str, timeout_s: float = TIMEOUT_S) -> str:
        """Run to the end and return what was printed; raises CommandError."""


def run(*command: str, timeout_s: float = TIMEOUT_S) -> str:
    """Run a tool to its end and return its output; raises CommandError with its last lines."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            process_group=0,  # no Ctrl-C: this process may clean up with these tools
        )
    except FileNotFoundError as exc:
        raise CommandError(f"{command[0]} is not installed") from exc
    except subprocess.TimeoutExpired as exc:
        raise CommandError(f"'{' '.join(command)}' did not end within {timeout_s:.0f} s") from exc
    except subprocess.CalledProcessError as exc:
        words = (exc.stderr or exc.stdout or "").strip() or f"exit code {exc.returncode}"
        raise CommandError(f"'{' '.join(command)}' failed: {words}") from exc
    return done.stdout


def wait_for_udev(run_tool: Run) -> None:
    """Wait until udev has handled the present devices: drivers loaded, device nodes made and
    owned."""
    run_tool("udevadm", "settle", f"--timeout={_SETTLE_S}", timeout_s=_SETTLE_S + 5)
