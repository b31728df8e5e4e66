"""An opened file of a state log, and a file of entries and rules: a snapshot or an import.

Raises `StateLogError` for an invalid file.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import UUID

from dataplane.statelog import format as fmt
from dataplane.statelog import sums
from dataplane.statelog.changes import Overlay, RuleRow
from dataplane.statelog.files import LINE_BYTES_MAX, StateLogError, open_to_read

_CHECK_BYTES = 1 << 20
_CHUNK_BYTES = 1 << 13
_FOOTER_BYTES_MAX = 160


class OpenFile:
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

    def header_line(self, kind: str, generation: int | None) -> tuple[dict[str, Any], bytes]:
        """The content of the first line, and the line without its newline."""
        line, newline, _ = self.read(LINE_BYTES_MAX, 0).partition(b"\n")
        if not newline:
            raise self.fault("no header")
        try:
            header = fmt.from_line(line)
            fmt.check_header(header, kind, generation)
        except StateLogError as exc:
            raise self.fault(exc) from exc
        return header, line

    def fault(self, why: object, offset: int | None = None) -> StateLogError:
        """An error that names the file and the fault."""
        where = self.path.name if offset is None else f"{self.path.name} at byte {offset}"
        return StateLogError(f"{where}: {why}")

    def read(self, size: int, offset: int) -> bytes:
        """Read up to so many bytes at a position."""
        try:
            return os.pread(self._fd, size, offset)
        except OSError as exc:
            raise StateLogError(f"state log {self.path}: {exc.strerror}") from exc


class EntriesFile(OpenFile):
    """A snapshot or an import: `check` the whole file, then read it in `chunks` and
    `rule_chunks`."""

    def __init__(self, path: Path, kind: str, generation: int | None) -> None:
        super().__init__(path)
        try:
            self.header, line = self.header_line(kind, generation)
            self._body = len(line) + 1
            self._size = os.fstat(self._fd).st_size
            self._end, footer, self._tail = self._footer()
            self.count = fmt.read_number(footer.get("count"))
            """Number of entries and rules together."""
            self.rule_count = fmt.read_number(footer.get("rules", 0), self.count + 1)
            self._rules_at = fmt.read_number(footer.get("rules_at", self._end), self._end + 1)
            self.crc32 = sums.tail_sum(self._tail)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> EntriesFile:
        return self

    @property
    def database_id(self) -> UUID:
        """The database of a snapshot's state."""
        return fmt.read_uuid(self.header.get("database"))

    @property
    def revision(self) -> int:
        """The newest revision that a snapshot includes."""
        return fmt.read_number(self.header.get("revision"))

    @property
    def policy(self) -> dict[str, Any] | None:
        """The policy of a snapshot; None: the default profile."""
        policy = self.header.get("policy")
        if policy is not None and not isinstance(policy, dict):
            raise self.fault("policy is no object")
        return policy

    @property
    def overlays(self) -> tuple[Overlay, ...]:
        """The overlays of a snapshot's policy."""
        try:
            return fmt.read_overlays(self.header.get("overlays", []))
        except StateLogError as exc:
            raise self.fault(exc) from exc

    @property
    def drain(self) -> bool:
        """Whether the node of a snapshot drains."""
        drain = self.header.get("drain", False)
        if not isinstance(drain, bool):
            raise self.fault("drain is neither true nor false")
        return drain

    def check(self) -> Iterator[None]:
        """Verify the checksum, about 1 ms a step; raises at the end if the file is damaged."""
        crc, offset, end = 0, 0, self._size - sums.TAIL_BYTES
        while offset < end:
            block = self.read(min(_CHECK_BYTES, end - offset), offset)
            if not block:
                break
            crc, offset = zlib.crc32(block, crc), offset + len(block)
            yield
        try:
            sums.check(self._tail, crc)
        except StateLogError as exc:
            raise self.fault(exc) from exc

    def chunks(self) -> Iterator[list[fmt.Entry]]:
        """Entries, some hundred at a time; raises if the number differs from the footer's."""
        boots: list[UUID] = []
        count, wanted = 0, self.count - self.rule_count
        for rows in self._rows(self._body, self._rules_at):
            boots += [fmt.read_uuid(row.get("boot")) for row in rows if isinstance(row, dict)]
            entries = fmt.decode_entries((row for row in rows if isinstance(row, list)), boots)
            count += len(entries)
            yield entries
        if count != wanted:
            raise self.fault(f"{count} entries of {wanted}")

    def rule_chunks(self) -> Iterator[list[RuleRow]]:
        """Rules, some dozen at a time; raises if the number differs from the footer's."""
        count = 0
        for rows in self._rows(self._rules_at, self._end):
            yield [fmt.read_rule(row) for row in rows]
            count += len(rows)
        if count != self.rule_count:
            raise self.fault(f"{count} rules of {self.rule_count}")

    def _rows(self, offset: int, end: int) -> Iterator[list[Any]]:
        """The values on the lines between two positions, a block at a time."""
        rest = b""
        while offset < end and len(rest) <= LINE_BYTES_MAX:
            block = self.read(min(_CHUNK_BYTES, end - offset), offset)
            if not block:
                break
            offset += len(block)
            *lines, rest = (rest + block).split(b"\n")
            yield fmt.from_lines(lines)
        if rest:
            raise self.fault("a line without an end")

    def _footer(self) -> tuple[int, dict[str, Any], bytes]:
        """The footer's position, its content, and its end with the checksum."""
        start = max(self._body - 1, self._size - _FOOTER_BYTES_MAX)
        tail = self.read(self._size - start, start)
        before, newline, line = tail[:-1].rpartition(b"\n")
        if not newline or tail[-1:] != b"\n":
            raise self.fault("cut")
        footer = fmt.from_line(line)
        if footer.get("end") is not True:
            raise self.fault("cut")
        return start + len(before) + 1, footer, tail[-sums.TAIL_BYTES :]
