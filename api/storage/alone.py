"""An exclusive lock on a file beside a database: one process writes the database.

A worker takes it before it opens anything, and waits while its predecessor is still ending, so that
even a reload never has two writers.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from api.common.disk import written
from dataplane.base.errors import SecBeatError

WAIT_S = 30
_POLL_S = 0.05


class BusyError(SecBeatError):
    """Another process writes this database."""

    exit_code = 75


def take_lock(database: Path) -> int:
    """Take the lock; returns its descriptor, to be closed at the end. Raises `BusyError`,
    `StorageError`."""
    path = database.with_name(database.name + ".lock")
    with written(database.parent):
        database.parent.mkdir(parents=True, exist_ok=True)
        fd = _open_lock(path)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        os.close(fd)
        raise BusyError(f"another process has {path} and writes {database}") from exc
    return fd


def wait_for_lock(database: Path) -> int:
    """The same as `take_lock`, but waits at most `WAIT_S` for a predecessor that is ending."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            return take_lock(database)
        except BusyError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)


def _open_lock(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:  # a read-only disk; a lock that is there needs no more (flock(2))
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
