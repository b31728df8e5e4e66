"""The request line (RFC 9112, 3), byte by byte; an invalid one breaks the message.

A line that servers accept but read differently is read to its end; `checks` reports the fault.
"""

from __future__ import annotations

from dataplane.model.stages.http.framing.reader import (
    BLANK,
    CR,
    DIGITS,
    LETTERS,
    LF,
    LINE_ENDS,
    TAB,
    TOKEN,
    WHITE,
    MoreError,
    Reader,
    broken,
)
from dataplane.model.stages.http.framing.request import Request

_HTTP = (
    b"DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH "
    b"SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY "
    b"SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE QUERY"
).split()
_RTSP = (
    b"GET POST OPTIONS DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER "
    b"REDIRECT RECORD FLUSH"
).split()
_PREFACE = b"PRI"
METHODS = {b"HTTP": frozenset(_HTTP), b"RTSP": frozenset(_RTSP), b"ICE": frozenset((b"SOURCE",))}
"""Methods by protocol: of IANA's registry those that servers implement; RTSP (RFC 2326, 10)."""
_ALL = frozenset[bytes]().union(*METHODS.values(), (_PREFACE,))
_PASSED_OVER = frozenset((*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0))
"""White space for servers that split the line as text, also before the method."""
_BEYOND = frozenset(range(0x80, 0x100))
"""Accepted like letters in a target: many servers do this."""
_GRAPHIC = frozenset(range(0x21, 0x7F)) | _BEYOND
_SCHEME = LETTERS | _BEYOND
_AUTHORITY = _SCHEME | frozenset(b"0123456789-_.!~*'()%;:&=+$,[]")
_VERSIONS = frozenset((b"0.9", b"1.0", b"1.1", b"2.0"))
"""Faults with which the line is read to its end; others break the message."""


def read_request_line(reader: Reader, request: Request) -> None:
    """Read method, target, protocol and version, and the CRLF after them."""
    _read_line_ends(reader, request)
    start = reader.at
    request.method = _method(reader)
    reader.at += 1
    _skip_blanks(reader)
    request.target = _target(reader, is_authority=request.method == b"CONNECT")
    if reader.peek() != BLANK:
        broken("VERSION")  # the whole request, for a server with HTTP/0.9
    _skip_blanks(reader)
    _read_version(reader, request)
    request.line = reader.data[start : reader.at]


def _read_line_ends(reader: Reader, request: Request) -> None:
    """Empty lines before the request: one CRLF is allowed (RFC 9112, 2.2)."""
    try:
        found = reader.take_while(LINE_ENDS)
    except MoreError:
        return
    if found not in {b"", b"\r\n"}:
        request.faults.add("LEADING")


def _method(reader: Reader) -> bytes:
    first, found = reader.peek(), b""
    if first in _PASSED_OVER:
        broken("REQUEST_LINE")
    if first not in TOKEN:
        broken("OTHER")
    while True:
        if found == _PREFACE:
            broken("PREFACE")
        byte = bytes((reader.peek(),))
        if any(method.startswith(found + byte) for method in _ALL):
            found += byte
            reader.at += 1
        elif byte == b" " and found in _ALL:
            return found
        else:
            broken("REQUEST_LINE" if byte == b"\t" and found in _ALL else "METHOD")


def _skip_blanks(reader: Reader) -> None:
    while reader.peek() == BLANK:
        reader.at += 1


def _target(reader: Reader, *, is_authority: bool) -> bytes:
    """Read up to a space or a line end; one of them is there."""
    start = reader.at
    if is_authority:
        _authority(reader)
    elif reader.peek() in _SCHEME:
        while reader.peek() in _SCHEME:
            reader.at += 1
        for byte in b"://":
            if reader.peek() != byte:
                _no_target(reader)
            reader.at += 1
        _authority(reader)
    elif reader.peek() not in b"/*":
        _no_target(reader)
    while reader.peek() in _GRAPHIC:
        reader.at += 1
    if reader.peek() != BLANK and reader.peek() not in LINE_ENDS:
        _no_target(reader)
    return reader.data[start : reader.at]


def _authority(reader: Reader) -> None:
    """Read up to the path or query, or the end of the target; two consecutive @ break the line."""
    while True:
        byte = reader.peek()
        if byte == ord("@"):
            reader.at += 1
            if reader.peek() == ord("@"):
                _no_target(reader)
        elif byte in _AUTHORITY:
            reader.at += 1
        elif byte in b"/?" or byte == BLANK or byte in LINE_ENDS:
            return
        else:
            _no_target(reader)


def _no_target(reader: Reader) -> None:
    byte = reader.peek()
    if byte == TAB:
        broken("REQUEST_LINE")
    if byte in _GRAPHIC or byte == BLANK or byte in LINE_ENDS:
        broken("TARGET_FORM")
    broken("TARGET")


def _read_version(reader: Reader, request: Request) -> None:
    first = reader.peek()
    starts = {b"H": "VERSION", b"h": "VERSION", b"R": "PROTOCOL", b"I": "PROTOCOL"}
    starts |= {b"\r": "VERSION", b"\n": "VERSION"}
    fault = starts.get(bytes((first,)), "REQUEST_LINE")
    names = {name[0]: name for name in METHODS}
    if first not in names:
        broken(fault)
    request.protocol = names[first]
    reader.expect(request.protocol + b"/", fault)
    if request.method not in METHODS[request.protocol]:
        broken("METHOD")
    version = b""
    for wanted in (DIGITS, b".", DIGITS):
        if reader.peek() not in wanted:
            broken("VERSION")
        version += bytes((reader.take(),))
    if version not in _VERSIONS:
        broken("VERSION")
    request.version = version
    _read_line_end(reader, is_right=request.protocol == b"HTTP" and version in {b"1.0", b"1.1"})


def _read_line_end(reader: Reader, *, is_right: bool) -> None:
    byte = reader.take()
    if byte == CR:
        reader.expect(b"\n", "LINE_END")
        return
    if not is_right:
        broken("VERSION")
    if byte == LF:
        broken("LINE_END")
    broken("REQUEST_LINE" if byte in WHITE else "VERSION")
