"""The data plane's side of the state log: finds generations, checks files whole, follows a log.

Writes nothing. Everything raises `StateLogError` when the files are not what a writer leaves; what
to do then is the reconciler's affair.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias
from uuid import UUID

from dataplane.statelog import format as fmt
from dataplane.statelog.changes import Line
from dataplane.statelog.files import (
    LINE_BYTES_MAX,
    StateLogError,
    generations,
    log_name,
    open_to_read,
    snapshot_name,
)

_CHECK_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 16
_CHUNK_BYTES = 1 << 13
_FOOTER_BYTES_MAX = 128

Mark: TypeAlias = tuple[int, int, frozenset[str]]


class StateLogReader:
    """What lies in a state log directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def generations(self) -> list[int]:
        """Numbers of the generations, newest first; none: nothing was ever written."""
        return generations(self.directory)

    def mark(self) -> Mark:
        """Changes whenever a file comes or goes, or access to the directory does.

        Names and not time alone: within a tick of the kernel's clock, some milliseconds, a second
        change leaves the same time.
        """
        try:
            names = frozenset(os.listdir(self.directory))  # noqa: PTH208
            status = os.stat(self.directory)  # noqa: PTH116
        except OSError:
            return (0, 0, frozenset())
        return (status.st_ino, status.st_ctime_ns, names)

    def snapshot(self, generation: int) -> EntriesFile:
        """A generation's snapshot, opened."""
        return EntriesFile(self.directory / snapshot_name(generation), "snapshot")

    def log(self, generation: int) -> LogFollower:
        """A generation's log, opened at its start."""
        return LogFollower(self.directory / log_name(generation))

    def import_entries(self, name: str, count: int) -> EntriesFile:
        """An import file of so many entries, opened."""
        file = EntriesFile(self.directory / name, "import")
        if file.count == count:
            return file
        file.close()
        raise StateLogError(f"{name}: {file.count} entries; the log says {count}")


class _OpenFile:
    """A descriptor that is closed once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = open_to_read(path)

    def close(self) -> None:
        """Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _header(self, kind: str) -> tuple[dict[str, Any], int]:
        """The first line, and where the second begins."""
        line, newline, _ = self._read(LINE_BYTES_MAX, 0).partition(b"\n")
        if not newline:
            raise StateLogError(f"{self.path.name}: no header")
        header = fmt.from_line(line)
        fmt.check_header(header, kind)
        return header, len(line) + 1

    def _read(self, size: int, offset: int) -> bytes:
        try:
            return os.pread(self._fd, size, offset)
        except OSError as exc:
            raise StateLogError(f"state log {self.path}: {exc.strerror}") from exc


class EntriesFile(_OpenFile):
    """A snapshot or an import: `check` it whole, then read it in `chunks`."""

    def __init__(self, path: Path, kind: str) -> None:
        super().__init__(path)
        try:
            self.header, self._body = self._header(kind)
            self._end, self.count, self._crc = self._footer()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> EntriesFile:
        return self

    @property
    def database_id(self) -> UUID:
        """Of a snapshot."""
        return fmt.read_uuid(self.header.get("database"))

    @property
    def revision(self) -> int:
        """Of a snapshot: the newest that it includes."""
        return fmt.read_number(self.header.get("revision"))

    @property
    def policy(self) -> dict[str, Any] | None:
        """Of a snapshot; None: default profile."""
        policy = self.header.get("policy")
        if policy is not None and not isinstance(policy, dict):
            raise StateLogError(f"{self.path.name}: policy is no object")
        return policy

    def check(self) -> Iterator[None]:
        """Compares the checksum, about 1 ms a step; raises at the end if the file is damaged."""
        crc, offset = 0, 0
        while offset < self._end:
            block = self._read(min(_CHECK_BYTES, self._end - offset), offset)
            if not block:
                break
            crc, offset = zlib.crc32(block, crc), offset + len(block)
            yield
        if f"{crc:08x}" != self._crc:
            raise StateLogError(f"{self.path.name}: its bytes are not those that were written")

    def chunks(self) -> Iterator[list[fmt.Entry]]:
        """Entries, some hundred at a time; raises unless there are as many as the footer says."""
        boots: list[UUID] = []
        count, offset, rest = 0, self._body, b""
        while offset < self._end:
            block = self._read(min(_CHUNK_BYTES, self._end - offset), offset)
            if not block or len(rest) > LINE_BYTES_MAX:
                break
            offset += len(block)
            *lines, rest = (rest + block).split(b"\n")
            rows = fmt.from_lines(lines)
            boots += [fmt.read_uuid(row.get("boot")) for row in rows if isinstance(row, dict)]
            entries = fmt.decode_entries((row for row in rows if isinstance(row, list)), boots)
            count += len(entries)
            yield entries
        if rest or count != self.count:
            raise StateLogError(f"{self.path.name}: {count} entries of {self.count}")

    def _footer(self) -> tuple[int, int, str]:
        """Where it begins, the count and the checksum in it."""
        size = os.fstat(self._fd).st_size
        start = max(self._body - 1, size - _FOOTER_BYTES_MAX)
        tail = self._read(size - start, start)
        before, newline, line = tail[:-1].rpartition(b"\n")
        if not newline or tail[-1:] != b"\n":
            raise StateLogError(f"{self.path.name}: cut")
        footer = fmt.from_line(line)
        if footer.get("end") is not True:
            raise StateLogError(f"{self.path.name}: cut")
        return (
            start + len(before) + 1,
            fmt.read_number(footer.get("count")),
            str(footer.get("crc32")),
        )


class LogFollower(_OpenFile):
    """A log and how far it has been read."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        try:
            header, self.offset = self._header("log")
            self.database_id = fmt.read_uuid(header.get("database"))
            self.revision = fmt.read_number(header.get("base"))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> LogFollower:
        return self

    def lines(self, count_max: int = 1024, through: int | None = None) -> list[Line]:
        """Revisions that have become complete since, none beyond `through`; empty: none.

        A line without its newline is left for later. The offset moves past what is returned only,
        so lines before an unreadable one are returned first and the error comes with the next call.
        """
        block = self._read(_BLOCK_BYTES, self.offset)
        if len(block) == _BLOCK_BYTES and b"\n" not in block:
            block = self._read(LINE_BYTES_MAX, self.offset)
        lines: list[Line] = []
        for raw in block.split(b"\n", count_max)[:-1][:count_max]:
            try:
                line = self._next(raw)
            except StateLogError:
                if lines:
                    break
                raise
            if through is not None and line.revision > through:
                return lines
            lines.append(line)
            self.offset += len(raw) + 1
            self.revision = line.revision
        if not lines and (len(block) == LINE_BYTES_MAX or self._is_cut()):
            raise StateLogError(f"{self.path.name}: cut, or a line above {LINE_BYTES_MAX} bytes")
        return lines

    def is_replaced(self) -> bool:
        """Whether its name is gone or leads to another file, as after a restored backup."""
        try:
            named = os.stat(self.path, follow_symlinks=False)  # noqa: PTH116
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return not os.path.samestat(named, os.fstat(self._fd))

    def skip_through(self, revision: int) -> bool:
        """Pass over what is known up to that revision; False: the log does not lead through it."""
        while self.revision < revision and self.lines(through=revision):
            pass
        return self.revision == revision

    def _next(self, raw: bytes) -> Line:
        try:
            line = fmt.decode_revision(raw)
        except StateLogError as exc:
            raise StateLogError(f"{self.path.name} at byte {self.offset}: {exc}") from exc
        if line.revision <= self.revision:
            raise StateLogError(
                f"{self.path.name} at byte {self.offset}: revision {line.revision} "
                f"after {self.revision}"
            )
        return line

    def _is_cut(self) -> bool:
        return os.fstat(self._fd).st_size < self.offset
