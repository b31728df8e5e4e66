"""Runs a command on a new terminal, and reads its output."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

TREE = Path(__file__).parents[2]


def on_terminal(
    command: Sequence[str], columns: int, more: Mapping[str, str], timeout_s: float = 120
) -> tuple[int, str]:
    """Exit code, and all that was written to a terminal of so many columns.

    Args:
        command: a command with its arguments.
        columns: width of the terminal; $COLUMNS is not set.
        more: additional variables of the environment, which has no NO_COLOR.
        timeout_s: time limit of the command.
    """
    left_out = {"COLUMNS", "NO_COLOR", "TERM"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    ours, theirs = pty.openpty()
    try:
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(
            command, cwd=TREE, env=environment | more, stdin=theirs, stdout=theirs, stderr=theirs
        )
    finally:
        os.close(theirs)
    try:
        written = _all_of(ours)
        return process.wait(timeout_s), written.replace("\r\n", "\n")
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _all_of(terminal: int) -> str:
    """All output until the other end is closed."""
    parts = []
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # EIO: no process has the other end open any more
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)
