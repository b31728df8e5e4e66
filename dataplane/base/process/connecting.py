"""Connects to a Unix socket of a SecBeat process whose accept queue may be full."""

from __future__ import annotations

import time
from pathlib import Path
from socket import socket

_RETRY_S = 0.002


def connect_waiting(connection: socket, path: Path, end: float) -> None:
    """Connect; while the listener's queue is full, wait until ``end``, of `time.monotonic`.

    A socket with a timeout is non-blocking for the kernel: connect(2) fails with EAGAIN at once
    where a blocking one would wait. Raises OSError.
    """
    while True:
        try:
            connection.connect(str(path))
        except BlockingIOError:
            if time.monotonic() >= end:
                raise
            time.sleep(_RETRY_S)
        else:
            return
