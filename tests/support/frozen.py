"""Stops a process for a while."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def frozen(pid: int) -> Iterator[Callable[[], None]]:
    """Stop a process during the block; yields a function that kills it. The end of the block kills
    it too.

    Uses a process descriptor, so no other process can be hit.
    """
    descriptor = os.pidfd_open(pid)
    signal.pidfd_send_signal(descriptor, signal.SIGSTOP)

    def kill() -> None:
        with suppress(ProcessLookupError):  # the watchdog was faster
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    try:
        yield kill
    finally:
        kill()
        os.close(descriptor)
