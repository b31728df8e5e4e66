"""Responses, and what is known of each: progress, what is left over, status, and what is true."""

from __future__ import annotations

from tests.native.stages.http.http_support import Progress

Known = tuple[Progress, bytes, int, frozenset[str]]
OK = b"HTTP/1.1 200 OK\r\n"
NEXT = b"HTTP/1.1 404 Not Found\r\n"
COMPLETE, BODY, BROKEN = Progress.COMPLETE, Progress.BODY, Progress.BROKEN


def known(progress: Progress, left: bytes, status: int, *flags: str) -> Known:
    return progress, left, status, frozenset(flags)


RESPONSES: dict[str, tuple[bytes, Known]] = {
    "a length": (
        OK + b"Content-Length: 2\r\n\r\nhi" + NEXT,
        known(COMPLETE, NEXT, 200, "keep_alive"),
    ),
    "a length of 0": (
        OK + b"Content-Length: 0\r\n\r\n" + NEXT,
        known(COMPLETE, NEXT, 200, "keep_alive"),
    ),
    "chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n" + NEXT,
        known(COMPLETE, NEXT, 200, "keep_alive", "is_chunked"),
    ),
    "no end": (OK + b"\r\nall that comes", known(BODY, b"", 200, "until_close")),
    "no end, but said": (
        OK + b"Connection: close\r\n\r\nall",
        known(BODY, b"", 200, "until_close"),
    ),
    "the last one": (
        OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nhi",
        known(COMPLETE, b"", 200),
    ),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", known(COMPLETE, b"", 200)),
    "1.0 that goes on": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi",
        known(COMPLETE, b"", 200, "keep_alive"),
    ),
    "204": (b"HTTP/1.1 204 No\r\n\r\n" + NEXT, known(COMPLETE, NEXT, 204, "keep_alive")),
    "304": (
        b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n\r\n" + NEXT,
        known(COMPLETE, NEXT, 304, "keep_alive"),
    ),
    "100": (b"HTTP/1.1 100 Go\r\n\r\n" + NEXT, known(COMPLETE, NEXT, 100, "keep_alive")),
    "103": (
        b"HTTP/1.1 103 Hints\r\nLink: </a>\r\n\r\n" + NEXT,
        known(COMPLETE, NEXT, 103, "keep_alive"),
    ),
    "101": (
        b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x00",
        known(COMPLETE, b"\x81\x00", 101, "keep_alive", "is_upgraded"),
    ),
    "an offer of another protocol": (
        OK + b"Connection: upgrade\r\nUpgrade: h2\r\nContent-Length: 2\r\n\r\nhi" + NEXT,
        known(COMPLETE, NEXT, 200, "keep_alive"),
    ),
    "no reason": (
        b"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n",
        known(COMPLETE, b"", 500, "keep_alive"),
    ),
}
