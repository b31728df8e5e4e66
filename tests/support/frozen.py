"""A process that does nothing for a while."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def frozen(pid: int) -> Iterator[Callable[[], None]]:
    """Stop a process; gives what kills it, which its end does too.

    By a descriptor: no other one is hit.
    """
    descriptor = os.pidfd_open(pid)
    signal.pidfd_send_signal(descriptor, signal.SIGSTOP)

    def kill() -> None:
        with suppress(ProcessLookupError):  # its watchdog was faster
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)

    try:
        yield kill
    finally:
        kill()
        os.close(descriptor)
