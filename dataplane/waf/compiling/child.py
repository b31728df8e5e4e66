"""One piece of work in a process of its own, with enforced limits.

The helper forks it (never the data plane); its result is one JSON object through a pipe. Whatever
the engine does with a pattern, the effect ends with the child.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from dataplane.base.durable import write_all
from dataplane.base.errors import SecBeatError

_PR_SET_PDEATHSIG = 1
_OOM_SCORE = "900"
_READ_BYTES = 1 << 16


@dataclass(frozen=True)
class ChildLimits:
    """Limits of a child; at each limit it ends, and `Child.outcome` names the limit."""

    cpu_s: int
    memory_mib: int
    """Limit of the address space, with about 50 MiB for the interpreter."""
    wall_s: float
    nice: int = 10


class Child:
    """A running child. ``fd`` is readable when it has written something, or has ended."""

    def __init__(self, limits: ChildLimits, work: Callable[[], dict[str, Any]]) -> None:
        """Forks; OSError: no further process is possible."""
        self._limits = limits
        self._end = time.monotonic() + limits.wall_s
        self._said = bytearray()
        self._timed_out = False
        self.fd, theirs = os.pipe()
        parent = os.getpid()
        try:
            self.pid = os.fork()
        except OSError:
            os.close(self.fd)
            os.close(theirs)
            raise
        if self.pid == 0:
            _live(limits, work, theirs, parent)
        os.close(theirs)
        os.set_blocking(self.fd, False)

    def hear(self) -> bool:
        """Read its output; True: it has ended, and `outcome` may be called."""
        try:
            while data := os.read(self.fd, _READ_BYTES):
                self._said += data
        except BlockingIOError:
            return False
        return True

    def check_time(self) -> None:
        """Kill it if it has taken too long."""
        if not self._timed_out and time.monotonic() > self._end:
            self._timed_out = True
            os.kill(self.pid, signal.SIGKILL)

    def outcome(self) -> dict[str, Any]:
        """The result of the child; else ``{"failed": reason}``. Call once, after the child has
        ended."""
        os.close(self.fd)
        _, status = os.waitpid(self.pid, 0)
        if os.waitstatus_to_exitcode(status) == 0:
            with contextlib.suppress(ValueError):
                said = json.loads(bytes(self._said))
                if isinstance(said, dict):
                    return said
        return {"failed": self._reason(os.waitstatus_to_exitcode(status))}

    def kill(self) -> None:
        """Kill it and discard its result."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        os.close(self.fd)
        os.waitpid(self.pid, 0)

    def _reason(self, code: int) -> str:
        if self._timed_out:
            return f"it takes more than {self._limits.wall_s:g} s to compile"
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return f"it takes more than {self._limits.cpu_s} s of CPU to compile"
        return f"the compiler ended with {code}, at {self._limits.memory_mib} MiB of memory at most"


def _live(
    limits: ChildLimits, work: Callable[[], dict[str, Any]], out: int, parent: int
) -> NoReturn:
    """The child's program."""
    code = 1
    try:
        _confine(limits, parent)
        write_all(out, json.dumps(_result(limits, work)).encode())
        code = 0
    finally:
        os._exit(code)


def _result(limits: ChildLimits, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return {**work(), "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10}
    except MemoryError:
        return {"failed": f"it needs more than {limits.memory_mib} MiB of memory to compile"}
    except (SecBeatError, OSError) as exc:
        text = str(exc)
        if "allocate memory" in text:
            text = f"it needs more than {limits.memory_mib} MiB of memory to compile"
        return {"failed": text}


def _confine(limits: ChildLimits, parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(1)  # the parent ended before this call
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.nice(limits.nice)
    # The child has none of the data plane's protection from memory shortage.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_OOM_SCORE, encoding="ascii")
    size = limits.memory_mib << 20
    resource.setrlimit(resource.RLIMIT_AS, (size, size))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s, limits.cpu_s + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
