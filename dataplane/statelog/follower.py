"""Reads a log, line by line, as it grows."""

from __future__ import annotations

import os
from pathlib import Path

from dataplane.statelog import format as fmt
from dataplane.statelog import sums
from dataplane.statelog.changes import Line
from dataplane.statelog.files import LINE_BYTES_MAX, StateLogError
from dataplane.statelog.opened import EntriesFile, OpenFile

_BLOCK_BYTES = 1 << 16
SKIP_BYTES_MAX = 1 << 20
"""About 20,000 changes; a writer adds far fewer to a new log before the reader switches to it."""


class LogFollower(OpenFile):
    """A log and the read position."""

    def __init__(self, path: Path, generation: int) -> None:
        super().__init__(path)
        self.generation = generation
        self.offset = self.sum = 0
        """Number of bytes read so far, and their CRC-32."""
        try:
            header, line = self.header_line("log", generation)
            self.sum = self._unseal(line)
            self.format = fmt.read_number(header.get("format"))
            self.offset = len(line) + 1
            self.database_id = fmt.read_uuid(header.get("database"))
            self.revision = fmt.read_number(header.get("base"))
            self._snapshot = header.get("snapshot")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> LogFollower:
        return self

    def continues(self, snapshot: EntriesFile) -> bool:
        """Whether the log begins at the end of that snapshot; call before anything is read."""
        mine = (self.database_id, self.revision, self._snapshot)
        return mine == (snapshot.database_id, snapshot.revision, snapshot.crc32)

    def lines(self, count_max: int = 1024, through: int | None = None) -> list[Line]:
        """Revisions that have been completed since, none beyond `through`; empty: none.

        A line without its newline is left for later. The position moves past returned lines only,
        so lines before an unreadable one are returned first, and the next call raises the error.
        """
        block = self.read(_BLOCK_BYTES, self.offset)
        if len(block) == _BLOCK_BYTES and b"\n" not in block:
            block = self.read(LINE_BYTES_MAX, self.offset)
        lines: list[Line] = []
        for raw in block.split(b"\n", count_max)[:-1][:count_max]:
            try:
                line, crc = self._next(raw)
            except StateLogError:
                if lines:
                    break
                raise
            if through is not None and line.revision > through:
                return lines
            lines.append(line)
            self.offset, self.sum = self.offset + len(raw) + 1, crc
            self.revision = line.revision
        if not lines and (len(block) == LINE_BYTES_MAX or self._is_cut()):
            raise self.fault(f"cut, or a line above {LINE_BYTES_MAX} bytes")
        return lines

    def is_replaced(self) -> bool:
        """Whether the log's name is gone or belongs to another file, as after a restored backup."""
        try:
            named = os.stat(self.path, follow_symlinks=False)  # noqa: PTH116
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return not os.path.samestat(named, os.fstat(self._fd))

    def skip_through(self, revision: int) -> bool:
        """Skip the known revisions up to that one; False: the log does not contain it.

        Also False if the known part exceeds `SKIP_BYTES_MAX`: reading it would take long.
        """
        end = self.offset + SKIP_BYTES_MAX
        while self.revision < revision and self.offset < end and self.lines(through=revision):
            pass
        return self.revision == revision

    def _next(self, raw: bytes) -> tuple[Line, int]:
        """The revision of a line, and the sum of the log with it."""
        crc = self._unseal(raw)
        try:
            line = fmt.decode_revision(raw)
        except StateLogError as exc:
            raise self.fault(exc, self.offset) from exc
        if line.revision <= self.revision:
            raise self.fault(f"revision {line.revision} after {self.revision}", self.offset)
        return line, crc

    def _unseal(self, line: bytes) -> int:
        try:
            return sums.unseal(line, self.sum)
        except StateLogError as exc:
            raise self.fault(exc, self.offset) from exc

    def _is_cut(self) -> bool:
        return os.fstat(self._fd).st_size < self.offset
