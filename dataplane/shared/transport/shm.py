"""Memory that the data plane shares with its clients: memfds of fixed size.

The data plane creates all of them. Memory that it writes itself is sealed against future writing
after it has mapped it, so that a client's descriptor can neither write nor map for writing
(fcntl(2), F_SEAL_FUTURE_WRITE). Memory that a client writes is mapped read-only in the data plane.
All are sealed against shrinking, so a read can't fault.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from dataplane.base.clock import Clock
from dataplane.base.errors import DataplaneAwayError
from dataplane.native import abi
from dataplane.shared.transport.ring import Part

_F_SEAL_FUTURE_WRITE = 0x10  # linux/fcntl.h; the fcntl module does not have it yet
_FIXED = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW


class Memory:
    """One memfd and its mapping here; `view` is the mapping."""

    def __init__(self, fd: int, view: mmap.mmap) -> None:
        self.fd = fd
        self.view = view

    @classmethod
    def ours(cls, name: str, size: int) -> Memory:
        """Create memory that only this process can ever write."""
        with _created(name, size) as fd:
            memory = cls(fd, mmap.mmap(fd, size))
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _FIXED | _F_SEAL_FUTURE_WRITE)
            return memory

    @classmethod
    def theirs(cls, name: str, content: ctypes.Structure) -> Memory:
        """Create memory that a client will write and this process only reads."""
        with _created(name, ctypes.sizeof(content)) as fd:
            os.pwrite(fd, bytes(content), 0)
            memory = cls(fd, mmap.mmap(fd, ctypes.sizeof(content), prot=mmap.PROT_READ))
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _FIXED)
            return memory

    @classmethod
    def attach(cls, fd: int, size: int, *, writable: bool) -> Memory:
        """Map memory of a data plane; takes over the descriptor.

        Raises DataplaneAwayError unless it has that size, and seals that fix the size.
        """
        try:
            seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
            wanted = _FIXED if writable else _FIXED | _F_SEAL_FUTURE_WRITE
            if os.fstat(fd).st_size != size or seals & wanted != wanted:
                raise DataplaneAwayError("the data plane sent memory of another size or unsealed")
            prot = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
            return cls(-1, mmap.mmap(fd, size, prot=prot))
        except (OSError, ValueError) as exc:
            raise DataplaneAwayError("the data plane sent what can't be mapped") from exc
        finally:
            os.close(fd)

    @property
    def address(self) -> int:
        """Address of the first byte; valid until `close`."""
        part = Part(self.view, len(self.view))
        try:
            return part.address
        finally:
            part.close()

    def close(self) -> None:
        """Unmap; idempotent. Ring ends and structures on it must be closed before."""
        self.view.close()
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class SharedStats:
    """The statistics pages: the data plane writes them, all connected clients read them."""

    def __init__(self, clock: Clock, lcore_count: int, profile_count: int = 1) -> None:
        self._memory = Memory.ours("secbeat-stats", ctypes.sizeof(abi.Stats))
        self.stats = abi.Stats.from_buffer(self._memory.view)
        header = self.stats.header
        header.magic = abi.STATS_MAGIC
        header.abi_hash[:] = list(bytes.fromhex(abi.ABI_HASH))
        header.boot_id[:] = list(clock.boot_id().bytes)
        header.state = abi.State.STARTING
        header.started_boot_ms = header.heartbeat_boot_ms = clock.boot_ms()
        header.pid = os.getpid()
        header.lcore_count = lcore_count
        header.profile_count = profile_count

    @property
    def header(self) -> abi.StatsHeader:
        """The pages that the control loop writes."""
        return self.stats.header

    @property
    def fd(self) -> int:
        """The descriptor for clients."""
        return self._memory.fd

    def lcore_address(self, index: int) -> int:
        """Address of an lcore's ``sb_lcore_stats``."""
        return ctypes.addressof(self.stats.lcore[index])

    def close(self) -> None:
        """Close the descriptor; the pages stay mapped as long as an object refers to `stats`."""
        if self._memory.fd >= 0:
            os.close(self._memory.fd)
            self._memory.fd = -1


@contextlib.contextmanager
def _created(name: str, size: int) -> Iterator[int]:
    """A new memfd; closed again if the block fails, as it does without descriptors or memory."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, size)
        yield fd
    except BaseException:
        os.close(fd)
        raise
