"""A process's own small files: mode 0600, replaced atomically, durable."""

from __future__ import annotations

import os
from pathlib import Path

from api.common.disk import written


def write_private(file: Path, text: str) -> None:
    """Write a text to a file that only its owner can read; raises `StorageError`."""
    unfinished = file.with_name(f".{file.name}")
    with written(file.parent):
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(fd)
        unfinished.replace(file)
