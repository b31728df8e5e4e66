"""Sockets of the test's process in a peer's network namespace."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from appliance.lab.network import NETNS

_CLONE_NEWNET = 0x40000000  # linux/sched.h


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Move only this thread to the namespace during the block; sockets created there stay there."""
    with Path("/proc/thread-self/ns/net").open() as own, (NETNS / namespace).open() as other:
        _enter(other.fileno())
        try:
            yield
        finally:
            _enter(own.fileno())


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_libc = ctypes.CDLL(None, use_errno=True)
_libc.setns.argtypes = (ctypes.c_int, ctypes.c_int)
_libc.setns.restype = ctypes.c_int
