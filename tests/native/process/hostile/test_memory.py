"""Memory that is shared can be neither resized nor written by whoever only reads it."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
from pathlib import Path

import pytest

from dataplane.base.clock import SystemClock
from dataplane.base.errors import DataplaneAwayError
from dataplane.native import abi
from dataplane.shared.pages.statsview import StatsView
from dataplane.shared.transport.protocol import (
    Want,
)
from dataplane.shared.transport.shm import Memory
from tests.native.process.hostile.hostile_support import (
    connected,
    take,
)
from tests.support.servers.dataplane import PortlessDataplane


def test_no_descriptor_lets_a_client_resize_or_reseal(
    dataplane: PortlessDataplane, path: Path
) -> None:
    for want in Want:
        with connected(path) as connection:
            fds = take(connection, want)
            for fd in fds:
                size = os.fstat(fd).st_size
                for attempt in (size - 1, 0, size + 4096):
                    with pytest.raises(PermissionError):
                        os.ftruncate(fd, attempt)
                with pytest.raises(PermissionError):
                    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
                os.close(fd)


def test_what_the_data_plane_writes_nobody_else_can(
    dataplane: PortlessDataplane, path: Path
) -> None:
    ours = {Want.OBSERVE: [0], Want.CONTROL: [0, 2, 3], Want.EVENTS: [0, 1, 3]}
    for want, indexes in ours.items():
        with connected(path) as connection:
            fds = take(connection, want)
            for index in indexes:
                assert_read_only(fds[index])
            for fd in fds:
                os.close(fd)


def assert_read_only(fd: int) -> None:
    """Neither by this descriptor nor by one opened anew through /proc."""
    reopened = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    for tried in (fd, reopened):
        with pytest.raises(PermissionError):
            os.write(tried, b"x")
        with pytest.raises(PermissionError):
            os.pwrite(tried, b"x", 0)
        with pytest.raises(PermissionError):
            mmap.mmap(tried, 4096)
        with pytest.raises(OSError, match=r"not permitted|not supported"):
            fallocate_punch(tried)
    os.close(reopened)


def fallocate_punch(fd: int) -> None:
    """Punch a hole: FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if libc.fallocate(fd, 3, 0, 4096) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("size", "seals", "writable"),
    [
        (8192, 0, False),
        (4096, 0, True),
        (8192, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW, True),
        (8192, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL, False),
        (4096, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL, True),
    ],
)
def test_a_client_maps_only_what_is_of_its_size_and_sealed(
    size: int, seals: int, writable: bool
) -> None:
    fd = os.memfd_create("test", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.ftruncate(fd, size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, seals)
    with pytest.raises(DataplaneAwayError):
        Memory.attach(fd, 8192, writable=writable)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(fd)


def test_a_client_refuses_pages_of_another_layout() -> None:
    with (
        Memory.ours("test", ctypes.sizeof(abi.Stats)) as memory,
        pytest.raises(DataplaneAwayError, match="another layout"),
    ):
        StatsView(memory.view, SystemClock())
