"""Requests byte by byte: their parts, their limits, and functions that join them."""

from __future__ import annotations

HOST = b"Host: a\r\n"
GET = b"GET / HTTP/1.1\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"
END = b"\r\n"
LAST = b"0\r\n\r\n"
LINE_MAX, HEAD_MAX, HEADERS_MAX, TRAILERS_MAX = 8192, 32768, 100, 16


def with_headers(*lines: bytes, start: bytes = GET + HOST) -> bytes:
    """A request without a body that has these headers besides."""
    return start + b"".join(line + b"\r\n" for line in lines) + END


def line(size: int) -> bytes:
    """A header line of so many bytes, CRLF included."""
    return b"X: " + b"v" * (size - 5)


def get(target: bytes, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    """A request for a target."""
    return b"%s %s %s\r\n" % (method, target, version) + HOST + END


def posted(*lines: bytes, body: bytes = b"hello") -> bytes:
    """A POST with these headers, and a body."""
    return with_headers(*lines, start=POST) + body


def typed(value: bytes) -> bytes:
    """A POST with a Content-Type."""
    return posted(b"Content-Type: " + value, b"Content-Length: 5")


TO_MAX = HEAD_MAX - len(with_headers(*[line(LINE_MAX)] * 3))
"""Bytes that are left of the largest head behind three lines of the most."""
