"""The API's side of the state log: the only writer.

A revision is durable when `append` returns. After any error, the writer refuses to continue until
`snapshot` starts a new generation: a log is either correct or abandoned. It continues a log only
after it has read all of it, its snapshot, and the imports that it refers to.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from uuid import UUID

from dataplane.base.clock import Clock
from dataplane.base.durable import write_all
from dataplane.statelog import format as fmt
from dataplane.statelog import sums
from dataplane.statelog.changes import Change, Import, Overlay, Policy, Put, RuleRow
from dataplane.statelog.entries import Identity, ImportFileWriter, State, write_snapshot
from dataplane.statelog.files import (
    FORMAT,
    StateLogError,
    generations,
    import_name,
    is_import_name,
    log_name,
    replacing,
    snapshot_name,
)
from dataplane.statelog.follower import LogFollower
from dataplane.statelog.pruning import imports_in, remove_leftovers, remove_old
from dataplane.statelog.reader import StateLogReader
from dataplane.statelog.verifying import verified

_COMPACT_BYTES_MIN = 4 << 20


class StateLogWriter:
    """Appends revisions, and starts generations. One per directory; one call at a time.

    `import_file` and the long part of `compact` may run in parallel to other calls.
    """

    def __init__(self, directory: Path, clock: Clock) -> None:
        self.directory = directory
        self.clock = clock
        self.fault: str | None = None
        """The fault that the last `open` has found; None: there was none, or no log."""
        self._fd = -1
        self._log = directory
        self._revision = 0
        self._sum = 0
        self._log_bytes = 0
        self._import_bytes = 0
        self._snapshot_bytes = 0
        self._later: list[bytes] | None = None
        self._staged: set[str] = set()
        self._leftovers_removed = False

    def open(self, database_id: UUID) -> int | None:
        """Prepare to append; returns the last revision in the log.

        None: there is no sound log of that database, and `snapshot` must be called first; `fault`
        is the reason. `snapshot` is also necessary if the returned revision is lower than one that
        was appended before: then the log was cut.
        """
        self.close()
        self.fault = None
        self.directory.mkdir(parents=True, exist_ok=True)
        if not self._leftovers_removed:  # later imports may be under way, so this is done once
            remove_leftovers(self.directory)
            self._leftovers_removed = True
        newest = generations(self.directory)[:1]
        if not newest:
            return None
        try:
            return self._resume(newest[0], database_id)
        except (StateLogError, OSError) as exc:
            self.fault = str(exc)
        return None

    def is_intact(self) -> bool:
        """Whether the log is open, has its name, and has the length of the last append."""
        if self._fd < 0:
            return False
        status = os.fstat(self._fd)
        try:
            named = os.stat(self._log, follow_symlinks=False)  # noqa: PTH116
        except OSError:
            return False
        return os.path.samestat(named, status) and status.st_size == self._log_bytes

    def inspect(self, database_id: UUID) -> str | None:
        """The fault of the files on the disk; None: there is none. May run in parallel to other
        calls."""
        try:
            newest = generations(self.directory)[0]
            with verified(self.directory, newest, database_id):
                return None
        except IndexError:
            return f"{self.directory} has no snapshot"
        except (StateLogError, OSError) as exc:
            return str(exc)

    def append(self, revision: int, changes: Sequence[Change]) -> None:
        """Append one revision; durable on return. `StateLogError`: it is not in the log."""
        if self._fd < 0:
            raise StateLogError("the state log is not open: a snapshot must come first")
        if revision <= self._revision:
            raise StateLogError(f"revision {revision} after {self._revision} in the state log")
        text = fmt.encode_revision(revision, changes)
        line, crc = sums.seal(text, self._sum)
        try:
            write_all(self._fd, line)
            os.fdatasync(self._fd)
        except OSError as exc:
            self._take_back()
            raise StateLogError(f"state log {self.directory}: {exc.strerror}") from exc
        self._revision, self._sum = revision, crc
        self._log_bytes += len(line)
        if self._later is not None:
            self._later.append(text)
        for change in changes:
            if isinstance(change, Import):
                self._count_import(change.file)

    @contextlib.contextmanager
    def import_file(self, revision_hint: str) -> Iterator[ImportFileWriter]:
        """Write an import's entries; durable when the block ends. Then append its `change`."""
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
        """Remove an import file to which no revision will refer."""
        self._staged.discard(file)
        if is_import_name(file):
            (self.directory / file).unlink(missing_ok=True)

    def snapshot(
        self,
        database_id: UUID,
        revision: int,
        entries: Iterable[Put],
        policy: Policy | None,
        rules: Iterable[RuleRow] = (),
        *,
        overlays: Sequence[Overlay] = (),
        drain: bool = False,
    ) -> None:
        """Start a generation whose snapshot is the state at that revision; keeps the one before."""
        self.close()
        identity = Identity(database_id, self._next_generation(), revision)
        with replacing(self.directory / snapshot_name(identity.generation)) as fd:
            crc32 = write_snapshot(fd, identity, State(entries, policy, rules, overlays, drain))
            # The log first: a generation exists as soon as its snapshot has its name.
            self._write_log(identity, crc32, [])
        self._resume(identity.generation, database_id)
        remove_old(self.directory, self._staged)

    def begin_compaction(self) -> None:
        """From now on remember appended revisions for `compact`."""
        self._later = []

    def compact(
        self,
        database_id: UUID,
        revision: int,
        state: State,
        lock: contextlib.AbstractContextManager[object],
    ) -> None:
        """The same as `snapshot`, while another thread appends: the long part needs no lock.

        `state` is that at `revision`, the newest revision at the call of `begin_compaction`. Later
        revisions are copied under `lock`, which appends must hold too. The old log is not read: it
        may be damaged. `StateLogError`: the new generation is obsolete, and the old one stays in
        use; or the new one has its name but may not be durable, and `snapshot` must be called
        first.
        """
        identity, began = Identity(database_id, self._next_generation(), revision), False
        path = self.directory / snapshot_name(identity.generation)
        with contextlib.ExitStack() as held:
            try:
                with replacing(path) as fd:
                    crc32 = write_snapshot(fd, identity, state)
                    os.fsync(fd)
                    held.enter_context(lock)
                    self._hand_over(identity, crc32)
                    began = True
            except BaseException:
                if began and path.exists():  # readers would switch to it and leave the old log
                    self.close()
                raise
            self.close()
            with StateLogReader(self.directory).log(identity.generation) as own:
                self._continue(own, imports_in(own))
        remove_old(self.directory, self._staged)

    def should_compact(self) -> bool:
        """Whether reading the log takes more than half the time of reading a new snapshot."""
        grown = self._log_bytes + self._import_bytes
        return grown >= max(_COMPACT_BYTES_MIN, self._snapshot_bytes // 2)

    def close(self) -> None:
        """Close the log; idempotent; `open` again to continue."""
        self._later = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _resume(self, generation: int, database_id: UUID) -> int:
        """Verify a whole generation, and continue at the end of its log."""
        with verified(self.directory, generation, database_id) as (log, found):
            if log.format != FORMAT:
                raise StateLogError(f"{log.path.name} is of format {log.format}")
            return self._continue(log, found)

    def _continue(self, log: LogFollower, found: Iterable[Import]) -> int:
        """Continue at the end of a log, which was read to its end for the imports in it."""
        self._import_bytes = 0
        for change in found:
            self._count_import(change.file)
        self._snapshot_bytes = (self.directory / snapshot_name(log.generation)).stat().st_size
        self._revision, self._sum, self._log_bytes = log.revision, log.sum, log.offset
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        self._log, self._fd = log.path, os.open(log.path, flags)
        os.ftruncate(self._fd, log.offset)  # an incomplete last line was never acknowledged
        os.fdatasync(self._fd)
        return self._revision

    def _next_generation(self) -> int:
        known = generations(self.directory) + generations(self.directory, "log")
        return max(known, default=0) + 1

    def _write_log(self, identity: Identity, crc32: str, revisions: Iterable[bytes]) -> None:
        header = identity.header("log", base=identity.revision, snapshot=crc32)
        crc, lines = 0, []
        for text in itertools.chain([fmt.to_text(header)], revisions):
            line, crc = sums.seal(text, crc)
            lines.append(line)
        with replacing(self.directory / log_name(identity.generation)) as fd:
            write_all(fd, b"".join(lines))

    def _hand_over(self, identity: Identity, crc32: str) -> None:
        """Begin a generation's log with the revisions that were appended meanwhile."""
        if self._later is None:
            raise StateLogError("another generation has begun meanwhile, or appending has failed")
        self._write_log(identity, crc32, self._later)

    def _take_back(self) -> None:
        """After a failed append the log's end is unknown: cut it, and require a snapshot."""
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
