"""Ends every process that this one has started, whatever sessions they have made.

Linux only: a subreaper is the parent of all orphans below it (prctl(2)).
"""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

END_S = 10.0
_PR_SET_CHILD_SUBREAPER = 36
_TURN_S = 0.01


def adopt() -> None:
    """From now on orphans below this process become its children."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def end(bound_s: float = END_S) -> bool:
    """Kill (SIGKILL) until nothing is left below this process; False: something does not end."""
    until = time.monotonic() + bound_s
    while below := descendants(os.getpid()):
        for pid in below:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0] != 0:
                pass
        if time.monotonic() > until:
            return False
        time.sleep(_TURN_S)
    return True


def descendants(pid: int) -> list[int]:
    """Ids of all processes below one; those that begin meanwhile may be missing."""
    children: dict[int, list[int]] = defaultdict(list)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
            children[int(fields[1])].append(int(stat.parent.name))
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = children[waiting.pop()]
        found += below
        waiting += below
    return found
