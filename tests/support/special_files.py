"""Files that are no regular files, in a temporary folder."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

KINDS = ("FIFO", "device")


def make_special(path: Path, kind: str) -> None:
    """A FIFO, or a character device like /dev/null, which only root can make."""
    if kind == "FIFO":
        os.mkfifo(path)
        return
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    except PermissionError:
        pytest.skip("devices can't be made here")


def is_kind(path: Path, kind: str) -> bool:
    """Whether the file is still what `make_special` has made."""
    return path.is_fifo() if kind == "FIFO" else path.is_char_device()
