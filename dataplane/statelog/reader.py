"""The data plane's side of the state log: finds generations, verifies files, follows a log.

Writes nothing. Everything raises `StateLogError` for invalid files; the reconciler handles the
error.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeAlias

from dataplane.statelog.changes import Import
from dataplane.statelog.files import StateLogError, generations, log_name, names, snapshot_name
from dataplane.statelog.follower import LogFollower
from dataplane.statelog.opened import EntriesFile

Mark: TypeAlias = tuple[int, int, frozenset[str]]


class StateLogReader:
    """The content of a state log directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def generations(self) -> list[int]:
        """Numbers of the generations, newest first; empty: none was ever written."""
        return generations(self.directory)

    def mark(self) -> Mark:
        """A value that changes when a file is added or removed, or the access to the directory
        changes.

        It includes the names, because two changes within a tick of the kernel's clock, some
        milliseconds, have the same time.
        """
        try:
            found = names(self.directory)
            status = os.stat(self.directory)  # noqa: PTH116
        except (OSError, StateLogError):
            return (0, 0, frozenset())
        return (status.st_ino, status.st_ctime_ns, found)

    def snapshot(self, generation: int) -> EntriesFile:
        """A generation's snapshot, opened."""
        return EntriesFile(self.directory / snapshot_name(generation), "snapshot", generation)

    def log(self, generation: int) -> LogFollower:
        """A generation's log, opened at its start."""
        return LogFollower(self.directory / log_name(generation), generation)

    def log_after(self, generation: int, snapshot: EntriesFile) -> LogFollower:
        """The log that continues that snapshot, opened at its start."""
        log = self.log(generation)
        if log.continues(snapshot):
            return log
        log.close()
        raise StateLogError(f"{log.path.name} does not continue {snapshot.path.name}")

    def import_entries(self, change: Import) -> EntriesFile:
        """The import file that a change refers to, opened."""
        file = EntriesFile(self.directory / change.file, "import", None)
        if (file.count, file.crc32) == (change.count, change.crc32):
            return file
        file.close()
        raise StateLogError(
            f"{change.file}: {file.count} entries, checksum {file.crc32}; "
            f"the log says {change.count}, {change.crc32}"
        )
