"""Replaces files by a rename, and makes files and names durable across a power loss."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes, with as many calls as the kernel needs."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def replaceable(path: Path) -> Path | None:
    """The file that a rename has to replace so that ``path`` gets new content: the one behind
    symbolic links, which may be missing.

    None if ``path`` is something else, such as a device, a FIFO or a directory: a rename would
    put a regular file in its place. Raises OSError if the kernel does not follow the links.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return path.resolve()
    target = path.resolve()
    # A link of /proc/self/fd may lead to a file that has no name any more.
    is_named = target.exists() and target.samefile(path)
    return target if stat.S_ISREG(found.st_mode) and is_named else None


def sync_directory(directory: Path) -> None:
    """Make new and renamed files of a directory durable."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
