"""Runs the system's own tools (ip, ethtool, sysctl) and translates their failures.

No shell: every argument is passed as it is.
"""

from __future__ import annotations

import subprocess

from dataplane.errors import SecBeatError

TIMEOUT_S = 30.0


class LabError(SecBeatError):
    """The lab can't do what was asked; the message names the remedy."""

    exit_code = 69


def run(*command: str) -> str:
    """Run a tool to its end and return what it printed; raises LabError with its last words."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C is for the lab, which then cleans up with these very tools
        )
    except FileNotFoundError as exc:
        raise LabError(f"{command[0]} is not installed: run 'make setup'") from exc
    except subprocess.TimeoutExpired as exc:
        raise LabError(f"'{' '.join(command)}' did not end within {TIMEOUT_S:.0f} s") from exc
    except subprocess.CalledProcessError as exc:
        words = (exc.stderr or exc.stdout or "").strip() or f"exit code {exc.returncode}"
        raise LabError(f"'{' '.join(command)}' failed: {words}") from exc
    return done.stdout


def try_run(*command: str) -> bool:
    """Run a tool whose failure is an answer too; returns whether it succeeded."""
    try:
        run(*command)
    except LabError:
        return False
    return True
