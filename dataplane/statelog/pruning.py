"""Removes files that no reader needs any more. Runs in the writer."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from dataplane.statelog.changes import Import
from dataplane.statelog.files import StateLogError, generations, log_name, snapshot_name
from dataplane.statelog.follower import LogFollower
from dataplane.statelog.reader import StateLogReader


def remove_leftovers(directory: Path) -> None:
    """Remove files that a crash has left half written."""
    for leftover in directory.glob("*.ndjson.*tmp"):
        leftover.unlink(missing_ok=True)


def remove_old(directory: Path, staged: Iterable[str]) -> None:
    """Keep two generations, the imports that their logs refer to or that are being staged, and
    newer files."""
    kept = generations(directory)[:2]
    for kind, name in (("snapshot", snapshot_name), ("log", log_name)):
        for generation in generations(directory, kind):
            if generation < kept[-1]:
                (directory / name(generation)).unlink(missing_ok=True)
    needed = set(staged).union(*(_imports_of(directory, generation) for generation in kept))
    for path in directory.glob("import-*.ndjson"):
        if path.name not in needed:
            path.unlink(missing_ok=True)


def imports_in(log: LogFollower) -> Iterator[Import]:
    """The imports in the unread part of a log; reads it to the end."""
    while lines := log.lines():
        for line in lines:
            yield from (change for change in line.changes if isinstance(change, Import))


def _imports_of(directory: Path, generation: int) -> set[str]:
    found: set[str] = set()
    # the reader loads nothing after an unreadable line, so its imports are not needed
    with contextlib.suppress(StateLogError), StateLogReader(directory).log(generation) as log:
        found.update(change.file for change in imports_in(log))
    return found
