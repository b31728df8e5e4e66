"""One HTTP/1 request: its end, its content, and faults that servers would read differently.

The twin of ``message.c``, written from RFC 9112 and from a comparison of servers. It reads all
bytes from the first one, without pieces. A fault that leaves the end open breaks the message there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

HEAD_MAX = 32768
LINE_MAX = 8192
HEADERS_MAX = 100
TRAILERS_MAX = 16
LENGTH_MAX = 1 << 62


class Progress(IntEnum):
    """The part of the request that has arrived."""

    HEAD, BODY, COMPLETE, BROKEN = range(4)


class Framing(IntEnum):
    """The values that determine the end of the body."""

    NO_BODY, LENGTH, CHUNKED = range(3)


class Content(IntEnum):
    """The kind of the body, from Content-Type."""

    NONE, URLENCODED, JSON, MULTIPART, OTHER = range(5)


@dataclass
class Header:
    """A header or a trailer; the value without white space at both ends."""

    name: bytes
    value: bytes
    raw: bytes
    """All bytes between colon and line end."""
    line_size: int
    """Size in bytes, CRLF included."""


@dataclass
class Request:
    """All fields are valid once the head is complete; before that, only faults and progress."""

    progress: Progress = Progress.HEAD
    fed: int = 0
    faults: set[str] = field(default_factory=set)
    head_size: int = 0
    line: bytes = b""
    """The request line, CRLF included."""
    method: bytes = b""
    target: bytes = b""
    path: bytes = b""
    query: bytes = b""
    host: bytes = b""
    boundary: bytes = b""
    protocol: bytes = b""
    version: bytes = b""
    headers: list[Header] = field(default_factory=list)
    trailers: list[Header] = field(default_factory=list)
    framing: Framing = Framing.NO_BODY
    content_length: int = 0
    content: Content = Content.NONE
    body: bytes = b""
    """The arrived part, with chunks joined."""
    flags: set[str] = field(default_factory=set)

    def values(self, name: bytes) -> list[bytes]:
        """Values of all headers of a name in lower case."""
        return [one.value for one in self.headers if one.name.lower() == name]
