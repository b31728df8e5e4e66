"""The API's side of the state log: the only writer there is.

A revision is on disk when `append` returns. When anything goes wrong, the writer refuses to go on
until `snapshot` starts a new generation: a log is either right or left behind.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from dataplane.clock import Clock
from dataplane.durable import write_all
from dataplane.statelog import format as fmt
from dataplane.statelog.changes import Change, Import, Policy, Put
from dataplane.statelog.entries import Identity, ImportFileWriter, write_snapshot
from dataplane.statelog.files import (
    StateLogError,
    generations,
    import_name,
    is_import_name,
    log_name,
    replacing,
    snapshot_name,
)
from dataplane.statelog.reader import LogFollower, StateLogReader

_COMPACT_BYTES_MIN = 4 << 20


class StateLogWriter:
    """Appends revisions, and starts generations. One per directory; calls one at a time.

    `import_file` and the long part of `compact` may run beside the others.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self.clock = clock
        self._fd = -1
        self._revision = 0
        self._log_bytes = 0
        self._import_bytes = 0
        self._snapshot_bytes = 0
        self._staged: set[str] = set()
        self._leftovers_removed = False

    def open(self, database_id: UUID) -> int | None:
        """Prepare to append; returns the last revision in the log.

        None: there is no sound log of that database, and `snapshot` must come first. So it must
        when the revision is below one that was appended before: then the log has been cut.
        """
        self.close()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._remove_leftovers()
        newest = generations(self.directory)[:1]
        if not newest:
            return None
        with contextlib.suppress(StateLogError, OSError):
            return self._resume(newest[0], database_id)
        return None

    def append(self, revision: int, changes: Sequence[Change]) -> None:
        """One revision; durable on return. `StateLogError`: it is not in the log."""
        if self._fd < 0:
            raise StateLogError("the state log is not open: a snapshot must come first")
        if revision <= self._revision:
            raise StateLogError(f"revision {revision} after {self._revision} in the state log")
        line = fmt.encode_revision(revision, changes)
        try:
            write_all(self._fd, line)
            os.fdatasync(self._fd)
        except OSError as exc:
            self._take_back()
            raise StateLogError(f"state log {self.directory}: {exc.strerror}") from exc
        self._revision = revision
        self._log_bytes += len(line)
        for change in changes:
            if isinstance(change, Import):
                self._count_import(change.file)

    @contextlib.contextmanager
    def import_file(self, revision_hint: str) -> Iterator[ImportFileWriter]:
        """Write an import's entries; durable when the block ends. Append an `Import` of it then."""
        file = self._free_import_name(revision_hint)
        self._staged.add(file)
        try:
            with replacing(self.directory / file) as fd:
                writer = ImportFileWriter(fd, file)
                yield writer
                writer.finish()
        except BaseException:
            self._staged.discard(file)
            raise

    def discard_import(self, file: str) -> None:
        """Removes an import file that no revision will refer to."""
        self._staged.discard(file)
        if is_import_name(file):
            (self.directory / file).unlink(missing_ok=True)

    def snapshot(
        self, database_id: UUID, revision: int, entries: Iterable[Put], policy: Policy | None
    ) -> None:
        """Start a generation whose snapshot is the state at that revision; keeps the one before."""
        self.close()
        identity = Identity(database_id, revision)
        generation = self._next_generation()
        with replacing(self.directory / snapshot_name(generation)) as fd:
            write_snapshot(fd, identity, entries, policy)
            # The log first: a generation exists as soon as its snapshot has its name.
            self._write_log(generation, identity, b"")
        self._resume(generation, database_id)
        self._remove_old()

    def compact(
        self,
        database_id: UUID,
        revision: int,
        entries: Iterable[Put],
        policy: Policy | None,
        lock: contextlib.AbstractContextManager[object],
    ) -> None:
        """As `snapshot`, while another thread goes on appending: the long part needs no lock.

        `entries` are the state at `revision`, however old that is by the time they are written;
        what was appended since is taken over under `lock`, which appends must hold too.
        `StateLogError`: something overtook it, and the old generation goes on; or the new one has
        its name but may not last, and `snapshot` must come first.
        """
        identity = Identity(database_id, revision)
        generation, began = self._next_generation(), False
        path = self.directory / snapshot_name(generation)
        with contextlib.ExitStack() as held:
            log = held.enter_context(self._present_log(identity))
            try:
                with replacing(path) as fd:
                    write_snapshot(fd, identity, entries, policy)
                    os.fsync(fd)
                    lines = _lines_after(log, revision)  # most of them, while others still append
                    held.enter_context(lock)
                    self._hand_over(generation, identity, lines + _lines_after(log, revision))
                    began = True
            except BaseException:
                if began and path.exists():  # readers go by it: the old log would be left behind
                    self.close()
                raise
            self.close()
            self._continue(generation, database_id)
        self._remove_old()

    def should_compact(self) -> bool:
        """Whether reading the log costs more than half of reading a new snapshot would."""
        grown = self._log_bytes + self._import_bytes
        return grown >= max(_COMPACT_BYTES_MIN, self._snapshot_bytes // 2)

    def close(self) -> None:
        """Idempotent; `open` again to go on."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _resume(self, generation: int, database_id: UUID) -> int | None:
        """Check a generation whole and stand at its log's end."""
        with StateLogReader(self.directory).snapshot(generation) as snapshot:
            for _ in snapshot.check():
                pass
            if snapshot.database_id != database_id:
                return None
        return self._continue(generation, database_id)

    def _continue(self, generation: int, database_id: UUID) -> int | None:
        """Stand at the end of the log of a generation whose snapshot is sound."""
        with StateLogReader(self.directory).log(generation) as log:
            if log.database_id != database_id:
                return None
            self._import_bytes = 0
            while lines := log.lines():
                for name in _imports(change for line in lines for change in line.changes):
                    self._count_import(name)
        self._snapshot_bytes = (self.directory / snapshot_name(generation)).stat().st_size
        self._revision, self._log_bytes = log.revision, log.offset
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._fd = os.open(log.path, flags)
        os.ftruncate(self._fd, log.offset)  # a torn last line was never acknowledged
        os.fdatasync(self._fd)
        return self._revision

    def _next_generation(self) -> int:
        known = generations(self.directory) + generations(self.directory, "log")
        return max(known, default=0) + 1

    def _write_log(self, generation: int, identity: Identity, lines: bytes) -> None:
        with replacing(self.directory / log_name(generation)) as fd:
            write_all(fd, fmt.to_line(identity.header("log", base=identity.revision)) + lines)

    def _present_log(self, identity: Identity) -> LogFollower:
        """The log that is appended to, open at its start, which must be before that revision."""
        if self._fd < 0:
            raise StateLogError("the state log is not open: a snapshot must come first")
        log = StateLogReader(self.directory).log(generations(self.directory)[0])
        if log.database_id == identity.database_id and log.revision <= identity.revision:
            return log
        log.close()
        raise StateLogError("the log does not reach back to the snapshot's revision")

    def _hand_over(self, generation: int, identity: Identity, lines: bytes) -> None:
        """Begin a generation's log with what the present one has got meanwhile."""
        if self._fd < 0 or generation != self._next_generation():
            raise StateLogError("another generation has begun meanwhile")
        self._write_log(generation, identity, lines)

    def _remove_leftovers(self) -> None:
        """What a crash left half written; once, because later ones may be in the making."""
        if not self._leftovers_removed:
            for leftover in self.directory.glob("*.ndjson.*tmp"):
                leftover.unlink(missing_ok=True)
            self._leftovers_removed = True

    def _take_back(self) -> None:
        """After a failed append the log's end is unknown: cut it, and have a snapshot made."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._fd, self._log_bytes)
        self.close()

    def _free_import_name(self, hint: str) -> str:
        names = itertools.chain([hint], (f"{hint}-{i}" for i in itertools.count(1)))
        return next(
            name
            for name in map(import_name, names)
            if name not in self._staged and not (self.directory / name).exists()
        )

    def _count_import(self, file: str) -> None:
        self._staged.discard(file)
        with contextlib.suppress(OSError):
            self._import_bytes += (self.directory / file).stat().st_size

    def _remove_old(self) -> None:
        """Keeps two generations and the imports that their logs refer to, and whatever is newer."""
        kept = generations(self.directory)[:2]
        for kind, name in (("snapshot", snapshot_name), ("log", log_name)):
            for generation in generations(self.directory, kind):
                if generation < kept[-1]:
                    (self.directory / name(generation)).unlink(missing_ok=True)
        needed = self._staged.union(*(self._imports_of(generation) for generation in kept))
        for path in self.directory.glob("import-*.ndjson"):
            if path.name not in needed:
                path.unlink(missing_ok=True)

    def _imports_of(self, generation: int) -> set[str]:
        found: set[str] = set()
        # an unreadable log can't be loaded, so nothing of it is needed
        with (
            contextlib.suppress(StateLogError),
            StateLogReader(self.directory).log(generation) as log,
        ):
            while lines := log.lines():
                found.update(_imports(change for line in lines for change in line.changes))
        return found


def _lines_after(log: LogFollower, revision: int) -> bytes:
    """The lines that a log has got since it was last read, of later revisions."""
    found: list[bytes] = []
    while lines := log.lines():
        found += [
            fmt.encode_revision(line.revision, line.changes)
            for line in lines
            if line.revision > revision
        ]
    return b"".join(found)


def _imports(changes: Iterable[Change]) -> Iterator[str]:
    return (change.file for change in changes if isinstance(change, Import))
