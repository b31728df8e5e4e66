"""One response of a host, as its bytes arrive: only status and end matter. Twin of ``response.c``.

Only well-formed responses are read as in C: in other data only the first bytes that can't belong to
a response are found.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dataplane.model.stages.http.framing.request import Progress

_START = b"HTTP/1."
_END = b"\r\n\r\n"
FINAL, NO_CONTENT, NOT_MODIFIED = 200, 204, 304
"""RFC 9110, 15: after a status below FINAL another response follows; the other two have no body."""


@dataclass
class Response:
    """The state of a response so far."""

    to_head: bool
    """The response to a HEAD."""
    progress: Progress = Progress.HEAD
    status: int = 0
    left: int = 0
    """Remaining bytes of the body, or of the present chunk."""
    until_close: bool = False
    is_chunked: bool = False
    pending: bytes = b""
    """An incomplete line, or the incomplete head."""
    ends: bytes = b""
    """The end of the line that is being read."""

    def feed(self, data: bytes) -> int:
        """Process bytes; returns how many belong to the response."""
        used = 0
        while used < len(data) and self.progress < Progress.COMPLETE:
            if self.until_close:
                return len(data)
            used += self._take(data[used:])
        return used

    def _take(self, data: bytes) -> int:
        if self.progress is Progress.BODY and self.left:
            size = min(self.left, len(data))
            self.left -= size
            self.ends = b"\r\n" if self.is_chunked else b""
            if self.left == 0 and not self.is_chunked:
                self.progress = Progress.COMPLETE
            return size
        end = self.ends if self.progress is Progress.BODY else _END
        before, self.pending = len(self.pending), self.pending + data
        size = self.pending.find(end)
        if size < 0:
            is_one = self.progress is Progress.BODY or _can_begin(self.pending)
            self.progress = self.progress if is_one else Progress.BROKEN
            return len(data)
        line, self.pending = self.pending[: size + len(end)], b""
        if self.progress is Progress.HEAD:
            self._finish_head(line)
        else:
            self._finish_line(line)
        return len(line) - before

    def _finish_head(self, head: bytes) -> None:
        """RFC 9112, 6.3."""
        first, _, rest = head.partition(b"\r\n")
        if not _can_begin(first):
            self.progress = Progress.BROKEN
            return
        self.status = int(first.split(b" ")[1])
        length = re.search(rb"(?i)^content-length: *(\d+)", rest, re.MULTILINE)
        self.is_chunked = bool(re.search(rb"(?i)^transfer-encoding: *chunked", rest, re.MULTILINE))
        self.left = 0 if length is None or self.is_chunked else int(length[1])
        has_none = self.to_head or self.status < FINAL or self.status in {NO_CONTENT, NOT_MODIFIED}
        self.until_close = not has_none and length is None and not self.is_chunked
        has_body = not has_none and (self.is_chunked or self.until_close or self.left)
        self.progress = Progress.BODY if has_body else Progress.COMPLETE
        self.ends = b"\r\n"

    def _finish_line(self, line: bytes) -> None:
        """The line of a chunk, after a chunk, or of the trailers."""
        if line == b"\r\n" and self.ends == b"\r\n":
            return
        if self.ends == _END or line == b"0\r\n":
            self.progress = Progress.COMPLETE if self.ends == _END else self.progress
            self.pending, self.ends = b"\r\n", _END
            return
        self.left = int(line, 16)

    @property
    def skippable(self) -> int:
        """Number of bytes that need not be read: all but the last of a body or chunk."""
        if self.progress is not Progress.BODY:
            return 0
        return (1 << 64) - 1 if self.until_close else max(0, self.left - 1)

    def skip(self, count: int) -> None:
        """Count so many bytes as read."""
        self.left -= 0 if self.until_close else count


def _can_begin(data: bytes) -> bool:
    return data[: len(_START)] == _START[: len(data)]
