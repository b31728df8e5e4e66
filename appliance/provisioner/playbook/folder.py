"""The folder of one run: mode 0700, on tmpfs, deleted afterwards, because the request contains a
secret."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dataplane.base.errors import SecBeatError

TURN_S = 15.0
"""Time that a run waits for the descendants of a killed run to end."""
_PREFIX = "run-"
_LOOK_S = 0.05


class BusyError(SecBeatError):
    """Another run is still active."""


@contextmanager
def run_folder(scratch: Path) -> Iterator[Path]:
    """A new folder in ``scratch`` for the only run at a time; raises `BusyError`.

    Folders that a killed run has left are removed.
    """
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(scratch / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _wait(lock, scratch)
        for left in scratch.glob(f"{_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=scratch))
        try:
            yield made
        finally:
            shutil.rmtree(made, ignore_errors=True)
    finally:
        os.close(lock)


def _wait(lock: int, scratch: Path) -> None:
    until = time.monotonic() + TURN_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise BusyError(
                    f"{scratch}: another run has not ended within {TURN_S:.0f} s"
                ) from None
            time.sleep(_LOOK_S)
        else:
            return
