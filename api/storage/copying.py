"""Common parts of database copies: a private file, and the error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from api.common.disk import written
from dataplane.base.durable import replaceable
from dataplane.base.errors import SecBeatError


class CopyError(SecBeatError):
    """A database could not be copied, or a copy can't be restored."""

    exit_code = 74


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """A path to write to, mode 0600, renamed to ``file`` at the end of the block.

    Symbolic links are followed. Raises `StorageError`, and `CopyError` if ``file`` is a device, a
    FIFO or a directory.
    """
    with written(file.parent):
        target = replaceable(file)
    if target is None:
        raise CopyError(f"{file} can't be replaced: it is no regular file")
    unfinished = target.with_name(f".{target.name}.unfinished")
    with written(target.parent):
        unfinished.unlink(missing_ok=True)
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        try:
            yield unfinished
            with unfinished.open("rb") as stream:
                os.fsync(stream.fileno())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
