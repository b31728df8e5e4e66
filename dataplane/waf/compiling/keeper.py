"""Starts the compile helper, and restarts it when it dies.

``python -m dataplane.waf.compiling.keeper``.

The data plane starts this process before EAL, and never forks afterwards. A helper without a sign
of life for `HANG_S` is killed. Standard input is a pipe from the data plane: when it ends, both
processes end. The pause between two starts of a helper is one second at first and doubles, up to
half a minute.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NoReturn, Self

from dataplane.base.errors import SecBeatError
from dataplane.base.logs import Log
from dataplane.waf.compiling.engine import Engine
from dataplane.waf.compiling.helper import Helper, HelperSettings

_PR_SET_PDEATHSIG = 1
_PAUSE_S_MIN, _PAUSE_S_MAX = 1.0, 30.0
_CALM_S = 60.0
"""After a helper has lived so long, the pause is the shortest again."""
HANG_S = 30.0
_STDIN = 0
_READ_BYTES = 4096
_log = Log()


_NOT_FOR_IT = ("NOTIFY_SOCKET", "SYN_COOKIE_SECRET", "CREDENTIALS_DIRECTORY")
"""The kept part of the data plane's environment: the helper reads data of other users."""


class Keeper:
    """The data plane's end: starts the process, which ends with `close`, or with the data plane."""

    def __init__(
        self, settings: HelperSettings, cpus: frozenset[int], hang_s: float = HANG_S
    ) -> None:
        """``cpus``: CPUs that it may use, empty: all. OSError."""
        arguments = json.dumps(
            {
                "socket": str(settings.socket),
                "client_users": settings.client_users,
                "cache": str(settings.cache),
                "cpus": sorted(cpus),
                "hang_s": hang_s,
            }
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dataplane.waf.compiling.keeper", arguments],
            stdin=subprocess.PIPE,
            start_new_session=True,
            env={name: text for name, text in os.environ.items() if name not in _NOT_FOR_IT},
        )

    @property
    def pid(self) -> int:
        """Process id of the keeper."""
        return self._process.pid

    def close(self) -> None:
        """End both processes, and wait; idempotent."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def main(arguments: list[str]) -> int:
    """Keep a helper running until standard input ends; returns 0."""
    _end_with_parent()
    # The data plane ends this process through its pipe.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    given = json.loads(arguments[0])
    if given["cpus"]:
        os.sched_setaffinity(0, given["cpus"])
    # Every helper inherits it: one that is started after an upgrade still has the data plane's.
    with contextlib.suppress(SecBeatError):  # the helper tells
        Engine()
    users = tuple(given["client_users"])
    settings = HelperSettings(Path(given["socket"]), users, Path(given["cache"]))
    pause_s = _PAUSE_S_MIN
    while True:
        begun = time.monotonic()
        code = _run_helper(settings, given["hang_s"])
        if code == 0:
            return 0
        pause_s = _PAUSE_S_MIN if time.monotonic() - begun > _CALM_S else pause_s
        _log.error("compile helper died", exit_code=code, again_in_s=pause_s)
        if select.select([_STDIN], [], [], pause_s)[0]:
            return 0
        pause_s = min(2 * pause_s, _PAUSE_S_MAX)


def _run_helper(settings: HelperSettings, hang_s: float) -> int:
    """The whole life of a helper, in a child; its exit code, 0: the data plane has ended."""
    beats, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(beats)
        _live(settings, theirs)
    os.close(theirs)
    try:
        _watch(pid, beats, hang_s)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    finally:
        os.close(beats)


def _watch(pid: int, beats: int, hang_s: float) -> None:
    """Wait until it has ended; kill it if it gives no sign of life for too long."""
    while select.select([beats], [], [], hang_s)[0]:
        if not os.read(beats, _READ_BYTES):
            return
    _log.error("compile helper hangs and is ended", silent_s=hang_s)
    os.kill(pid, signal.SIGKILL)


def _live(settings: HelperSettings, beats: int) -> NoReturn:
    """The helper's program. ``beats``: descriptor for its signs of life."""
    code = 1
    try:
        _end_with_parent()
        os.set_blocking(beats, False)
        Helper(settings, _STDIN, beats).run()
        code = 0
    except SecBeatError as exc:
        _log.error("compile helper can't run", error=str(exc))
    finally:
        os._exit(code)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
