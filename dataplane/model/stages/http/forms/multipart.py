"""The parts of a multipart body: twin of ``stages/http/forms/forms_multipart.c``.

RFC 7578; RFC 2046, section 5.1.1. Constructs that servers read differently are faults; reading
continues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from dataplane.model.stages.http.forms.content import guessed
from dataplane.model.stages.http.forms.values import (
    HEADER,
    TEXT,
    Fault,
    Lines,
    lines_of,
    no_lines,
    together,
)

HEADERS_MAX = 16
"""Headers of a part."""
_FILE_NAME = re.compile(rb"filename[* ]*=", re.IGNORECASE)


def part_lines(content: bytes, boundary: bytes, faults: set[Fault], *, is_whole: bool) -> Lines:
    """Lines of headers and contents of all parts; found faults are added to ``faults``."""
    return together(_Reader(content, boundary, faults, is_whole).read())


class _Reader:
    """The position of a reader in a body."""

    def __init__(self, content: bytes, boundary: bytes, faults: set[Fault], is_whole: bool) -> None:
        self.content = content
        self.faults = faults
        self.is_whole = is_whole
        self.delimiter = b"--" + boundary
        self.at = 0

    def read(self) -> Iterator[Lines]:
        first = self._next_delimiter()
        if first is None:
            self._ends_early()
            yield lines_of([self.content], TEXT)
            return
        if first:
            self.faults.add(Fault.MULTIPART_SYNTAX)
            yield lines_of([self.content[:first]], TEXT)
        following: int | None = first
        while following is not None:
            self.at = following + len(self.delimiter)
            rest = self.content[self.at :]
            line, is_ended = self._next_line()
            if not is_ended and not self.is_whole:
                return  # bytes that have not arrived can't be judged
            if line.startswith(b"--"):
                yield self._end(rest[2:])
                return
            if not is_ended:
                self._ends_early()
                return
            if line:
                self.faults.add(Fault.MULTIPART_SYNTAX)
            is_file, lines = self._headers()
            content, following = self._content()
            yield lines
            yield guessed(content, is_field=not is_file)

    def _end(self, rest: bytes) -> Lines:
        if rest in (b"", b"\r\n"):
            return no_lines()
        self.faults.add(Fault.MULTIPART_SYNTAX)
        return lines_of([rest], TEXT)

    def _ends_early(self) -> None:
        if self.is_whole:
            self.faults.add(Fault.MULTIPART_END)

    def _next_delimiter(self) -> int | None:
        """The next delimiter: at the beginning of a line, and not the start of another boundary."""
        start = self.at
        while (found := self.content.find(self.delimiter, start)) >= 0:
            if found == 0 or self.content[found - 1 : found] == b"\n":
                behind = found + len(self.delimiter)
                if self.content[behind : behind + 1] in (b"", b"-", b"\r", b"\n", b" ", b"\t"):
                    return found
                self.faults.add(Fault.MULTIPART_SYNTAX)
            start = found + 1
        return None

    def _next_line(self) -> tuple[bytes, bool]:
        """The next line without its end, and whether it has one."""
        line, feed, _ = self.content[self.at :].partition(b"\n")
        self.at += len(line) + len(feed)
        if not feed:
            return line, False
        if not line.endswith(b"\r"):
            self.faults.add(Fault.MULTIPART_SYNTAX)
            return line, True
        return line[:-1], True

    def _headers(self) -> tuple[bool, Lines]:
        """Whether the part is a file, and the lines of its headers."""
        is_file, dispositions = False, 0
        lines: list[bytes] = []
        for _ in range(HEADERS_MAX + 1):
            line, is_ended = self._next_line()
            if not line:
                break
            lines.append(line)
            if not is_ended:
                break
            name, colon, value = line.partition(b":")
            if not colon or name.strip(b" \t") != name:
                self.faults.add(Fault.MULTIPART_SYNTAX)
            if colon and name.lower() == b"content-disposition":
                dispositions += 1
                is_file = bool(_FILE_NAME.search(line))
            if colon and name.lower() == b"content-transfer-encoding":
                self._check_encoding(value.strip(b" \t").lower())
        else:
            self.faults.add(Fault.MULTIPART_SYNTAX)
        if dispositions > 1:
            self.faults.add(Fault.MULTIPART_SYNTAX)
        return is_file, lines_of(lines, HEADER)

    def _check_encoding(self, value: bytes) -> None:
        if value not in (b"7bit", b"8bit", b"binary"):
            self.faults.add(Fault.MULTIPART_ENCODING)

    def _content(self) -> tuple[bytes, int | None]:
        """The content up to the next delimiter, and the position of that."""
        following = self._next_delimiter()
        content = self.content[self.at : following]
        if following is None:
            self._ends_early()
        elif content.endswith(b"\r\n"):
            content = content[:-2]
        elif content:
            self.faults.add(Fault.MULTIPART_SYNTAX)
            content = content[:-1]
        return content, following
