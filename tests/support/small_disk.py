"""A small file system for a test, which can be full or read-only.

A tmpfs in its own mount namespace, so it needs neither root nor a mount point of the host, and
nothing stays behind: it disappears with the process that holds the namespace. Other processes reach
it through that process's root directory.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_for

ROOT = Path(__file__).resolve().parents[2]
FILL = "fill"
"""The file that uses the free space."""
_CHUNKS = (1 << 16, 1 << 12, 1)


class SmallDisk:
    """The file system, mounted at ``inside`` for processes that use `enter`."""

    def __init__(self, holder: int, inside: Path) -> None:
        self.inside = inside
        self.outside = Path(f"/proc/{holder}/root{inside}")
        self.enter = (
            *("nsenter", "--target", str(holder), "--user", "--mount"),
            *("--preserve-credentials", f"--wd={ROOT}"),
        )

    def fill(self) -> None:
        """Use all free space."""
        fill(self.outside)

    def kept_full(self) -> contextlib.AbstractContextManager[None]:
        """See `kept_full`."""
        return kept_full(self.outside)

    def free(self) -> None:
        """Free the space again."""
        (self.outside / FILL).unlink()

    def remount(self, options: str) -> None:
        """Remount ``ro`` or ``rw``; waits for processes that have a file open for writing and may
        be ending."""
        command = ("mount", "-o", f"remount,{options}", str(self.inside))

        def done() -> bool:
            run = subprocess.run([*self.enter, *command], check=False, timeout=180)
            return run.returncode == 0

        wait_for(done, f"the file system is mounted {options}")

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[Any]:
        """Run Python with these arguments in the namespace."""
        return subprocess.Popen([*self.enter, sys.executable, *arguments], cwd=ROOT, **options)


def fill(directory: Path) -> None:
    """Use all free space of the file system of a directory, with a file in it."""
    fd = os.open(directory / FILL, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        for size in _CHUNKS:
            with contextlib.suppress(OSError):
                while True:
                    os.write(fd, bytes(size))
    finally:
        os.close(fd)


@contextlib.contextmanager
def kept_full(directory: Path) -> Iterator[None]:
    """Use all free space during the block, also space that other processes free (a growing log)."""
    end = threading.Event()

    def grow() -> None:
        while not end.wait(0.005):
            fill(directory)

    fill(directory)
    thread = threading.Thread(target=grow)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextlib.contextmanager
def small_disk(inside: Path, size: str = "8m") -> Iterator[SmallDisk]:
    """Mount one at an empty directory during the block."""
    script = f"mount -t tmpfs -o size={size} tmpfs {inside} && echo mounted && exec sleep infinity"
    command = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == b"mounted\n", "no tmpfs in a user namespace"
            disk = SmallDisk(holder.pid, inside)
            wait_for(disk.outside.is_dir, "the file system can be reached")
            yield disk
        finally:
            holder.kill()
