"""The body (RFC 9112, 6 and 7): with a length, or in chunks, byte by byte."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from dataplane.model.stages.http.framing.headers import read_trailers
from dataplane.model.stages.http.framing.reader import (
    CR,
    HEX_DIGITS,
    TOKEN,
    BrokenError,
    MoreError,
    Reader,
    broken,
)
from dataplane.model.stages.http.framing.request import LENGTH_MAX, LINE_MAX, TRAILERS_MAX, Request

_Read = TypeVar("_Read")
_DIGITS_MAX = 16
_QUOTED = frozenset((0x09, *range(0x20, 0x7F), *range(0x80, 0x100))) - frozenset(b'"\\')
_ESCAPED = frozenset((0x09, *range(0x20, 0x7F), *range(0x80, 0x100)))
FORBIDDEN = frozenset(
    b"authorization connection content-encoding content-length content-range content-type cookie "
    b"expect host keep-alive proxy-connection proxy-authorization te trailer transfer-encoding "
    b"upgrade".split()
)
"""Trailers that the head has decided (RFC 9110, 6.5.1)."""


class _Line(NamedTuple):
    """The state of reading a line about a chunk."""

    size: int
    digits: int
    has_extension: bool


def read_length(reader: Reader, request: Request) -> None:
    """Read a body of a given length."""
    rest = reader.data[reader.at : reader.at + request.content_length]
    request.body = rest
    reader.at += len(rest)
    if len(rest) < request.content_length:
        raise MoreError


def read_chunks(reader: Reader, request: Request) -> None:
    """Read chunks up to the last one, of no bytes, and the trailers."""
    while size := _next_size(reader, request):
        rest = reader.data[reader.at : reader.at + size]
        request.body += rest
        reader.at += len(rest)
        if len(rest) < size:
            raise MoreError
        reader.expect(b"\r\n", "CHUNK")
    try:
        _within(reader, _trailers, request)
    except BrokenError:
        request.faults.add("TRAILERS")
        broken("TRAILER")


def _within(reader: Reader, read: Callable[[Reader, Request], _Read], request: Request) -> _Read:
    """Limit a line to LINE_MAX bytes."""
    start = reader.at
    try:
        found = read(reader, request)
    except MoreError:
        if len(reader.data) - start > LINE_MAX:
            broken("CHUNK")
        raise
    if reader.at - start > LINE_MAX:
        broken("CHUNK")
    return found


def _next_size(reader: Reader, request: Request) -> int:
    line = _within(reader, _size, request)
    if line.size > LENGTH_MAX:
        broken("CHUNK")
    if line.has_extension:
        request.faults.add("CHUNK_EXTENSION")
    if line.digits > _DIGITS_MAX:
        request.faults.add("CHUNK")
    return line.size


def _size(reader: Reader, _: Request) -> _Line:
    """Read the line about a chunk: its size and extensions."""
    start, size = reader.at, 0
    while reader.peek() in HEX_DIGITS:
        size = size * 16 + int(bytes((reader.take(),)), 16)
        if size >= 1 << 64:
            broken("CHUNK")
    digits = reader.at - start
    if digits == 0:
        broken("CHUNK")
    has_extension = reader.peek() == ord(";")
    if has_extension:
        _extensions(reader)
    reader.expect(b"\r\n", "CHUNK")
    return _Line(size, digits, has_extension)


def _extensions(reader: Reader) -> None:
    """Read names and values without white space (RFC 9112, 7.1.1).

    Quotes inside a value are read too: every extension is a fault in any case.
    """
    while reader.peek() == ord(";"):
        reader.at += 1
        name = reader.take_while(TOKEN)
        if reader.peek() == ord("="):
            reader.at += 1
            reader.take_while(TOKEN)
            if reader.peek() == ord('"'):
                _quoted(reader)
        elif not name and reader.peek() != ord(";"):
            broken("CHUNK")
        if reader.peek() != CR and reader.peek() != ord(";"):
            broken("CHUNK")


def _quoted(reader: Reader) -> None:
    reader.at += 1
    while (byte := reader.take()) != ord('"'):
        if byte == ord("\\"):
            byte = reader.take()
            if byte not in _ESCAPED:
                broken("CHUNK")
        elif byte not in _QUOTED:
            broken("CHUNK")


def _trailers(reader: Reader, request: Request) -> None:
    read_trailers(reader, request)
    if request.trailers:
        request.faults.add("TRAILERS")
    names = {one.name.lower() for one in request.trailers}
    if len(request.trailers) > TRAILERS_MAX or names & FORBIDDEN:
        request.faults.add("TRAILER")
