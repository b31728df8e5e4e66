"""Reads a whole generation, like a data plane that starts. Runs in the writer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

from dataplane.statelog.changes import Import
from dataplane.statelog.files import StateLogError
from dataplane.statelog.follower import LogFollower
from dataplane.statelog.opened import EntriesFile
from dataplane.statelog.pruning import imports_in
from dataplane.statelog.reader import StateLogReader


@contextlib.contextmanager
def verified(
    directory: Path, generation: int, database_id: UUID
) -> Iterator[tuple[LogFollower, list[Import]]]:
    """The log of a sound generation of that database, read to its end, and its imports.

    Raises:
        StateLogError: snapshot, log or an import is damaged, or belongs to another database.
    """
    reader = StateLogReader(directory)
    with reader.snapshot(generation) as snapshot:
        _check(snapshot)
        if snapshot.database_id != database_id:
            raise StateLogError(f"{snapshot.path.name} is of another database")
        with reader.log_after(generation, snapshot) as log:
            found = list(imports_in(log))
            for change in found:
                with reader.import_entries(change) as entries:
                    _check(entries)
            yield log, found


def _check(file: EntriesFile) -> None:
    for _ in file.check():
        pass
