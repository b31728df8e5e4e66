"""Files that are no regular files, in a temporary folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

KINDS = ("FIFO", "device")


def make_special(path: Path, kind: str) -> None:
    """A FIFO, or a character device like /dev/null. Skips the test where a device can't be made, as
    only root may, or can't be used, as on a file system that is mounted with ``nodev``."""
    if kind == "FIFO":
        os.mkfifo(path)
        return
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        path.write_bytes(b"")
    except PermissionError:
        pytest.skip("a device can't be made or used here")


def is_kind(path: Path, kind: str) -> bool:
    """Whether the file is still what `make_special` has made."""
    return path.is_fifo() if kind == "FIFO" else path.is_char_device()
