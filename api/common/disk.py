"""Storage that can't be written: detects such errors, and describes them in answers.

The cause is the disk, not the request: it is full, over a quota, read-only, broken or removed. The
error is an `OSError`, a result code of SQLite, or the cause of another error. All of them are
converted to a `StorageError`, which names the directory, the fault, and the remedy.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from api.common.contract.errors import FieldError, UnavailableError

PROBE_BYTES = 1 << 16
"""Space that must be free: a small change with everything that SQLite and the state log write for
it."""
RETRY_AFTER_S = 5
_MIB = 1 << 20
_REMEDIES = {
    errno.ENOSPC: "remove files there or enlarge the file system",
    errno.EDQUOT: "remove files there or raise the quota of the API's user",
    errno.EFBIG: "raise the limit on the size of a file (LimitFSIZE=)",
    errno.EROFS: "look for disk errors in the kernel's log, then mount it writable",
    errno.EIO: "look for disk errors in the kernel's log, and replace the disk",
    errno.ENXIO: "attach the disk again",
    errno.ENODEV: "attach the disk again",
    errno.ESTALE: "mount the file system again",
    errno.ENOENT: "mount its file system, or make the directory",
    errno.EACCES: "give the directory back to the API's user",
    errno.EPERM: "give the directory back to the API's user",
}
_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_CANTOPEN: errno.EIO,
}
"""Errors by primary result code, if a probe of the directory finds none."""


class StorageError(UnavailableError):
    """The storage of the state can't be used: 503. `DiskError`, or a database that is away."""

    exit_code = 74
    kind = "disk"
    """The name of the error in metrics."""
    is_passing = False
    """Whether only this request is affected, and the next one may succeed at once."""
    place: str
    """The storage that can't be used; a log reports each place once."""
    number: int
    """The error as an ``errno``."""

    def anew(self) -> StorageError:
        """The same error with present figures, for another request."""
        raise NotImplementedError


class DiskError(StorageError):
    """A directory can't be written, or even read: 503."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory = directory
        self.place = str(directory)
        self.number = number
        self.why = os.strerror(number)
        remedy = _REMEDIES.get(number, "mend that")
        message = (
            f"{directory} can't be written: {self.why}{_space(directory, number)}; {remedy}. "
            "The node then continues without a restart"
        )
        what = FieldError("storage", str(directory), "writable", message)
        super().__init__(message, errors=[what], retry_after_s=RETRY_AFTER_S)

    def anew(self) -> DiskError:
        """See `StorageError`."""
        return DiskError(self.directory, self.number)


@contextlib.contextmanager
def written(directory: Path, kinds: tuple[type[Exception], ...] = (Exception,)) -> Iterator[None]:
    """Convert exceptions of these kinds that the disk below a directory has caused in the block."""
    try:
        yield
    except StorageError:
        raise
    except kinds as exc:
        found = storage_error(exc, directory)
        if found is None:
            raise
        raise found from exc


def storage_error(error: BaseException, directory: Path) -> StorageError | None:
    """The storage error behind an exception; None: it has another cause.

    SQLAlchemy keeps the driver's error in ``orig``; others have it as their cause.
    """
    if isinstance(error, StorageError):
        return error
    for each in (error, getattr(error, "orig", None), error.__cause__):
        if isinstance(each, OSError) and each.errno in _REMEDIES:
            return DiskError(directory, each.errno or errno.EIO)
        code = getattr(each, "sqlite_errorcode", None)
        if isinstance(each, sqlite3.Error) and code is not None and code & 0xFF in _SQLITE:
            return DiskError(directory, _probed(directory) or _SQLITE[code & 0xFF])
    return None


def probe(directory: Path) -> None:
    """Write `PROBE_BYTES` to an unnamed file, and sync it.

    Raises:
        StorageError: the write fails.
    """
    number = _probed(directory)
    if number:
        raise DiskError(directory, number)


def free_bytes(directory: Path) -> tuple[int, int]:
    """Free bytes for an ordinary user, and the size of the file system; zeros: not known."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return 0, 0
    return found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize


def looks_writable(directory: Path) -> bool:
    """Whether the file system reports free space and is not mounted read-only; writes nothing."""
    try:
        found = os.statvfs(directory)
    except OSError:
        return False
    room = found.f_bavail * found.f_frsize >= PROBE_BYTES and found.f_favail > 0
    return room and not found.f_flag & os.ST_RDONLY


def _probed(directory: Path) -> int:
    """The errno of a test write; 0: it works."""
    try:
        fd = _unnamed(directory)
        try:
            left = PROBE_BYTES
            while left:
                left -= os.write(fd, bytes(left))
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as exc:
        return exc.errno or errno.EIO
    return 0


def _unnamed(directory: Path) -> int:
    """An unnamed file; on a file system without support (open(2)), a file that is
    unlinked at once."""
    try:
        return os.open(directory, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    except OSError as exc:
        if exc.errno not in {errno.EOPNOTSUPP, errno.EISDIR}:
            raise
    path = directory / f".probe-{os.getpid()}"
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    path.unlink()
    return fd


def _space(directory: Path, number: int) -> str:
    if number not in {errno.ENOSPC, errno.EDQUOT}:
        return ""
    free, size = free_bytes(directory)
    return f" ({free // _MIB} of {size // _MIB} MiB free)" if size else ""
