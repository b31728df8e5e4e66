"""Header lines (RFC 9112, 5), byte by byte, of a head and of trailers."""

from __future__ import annotations

from collections.abc import Callable

from dataplane.model.stages.http.framing.reader import (
    BLANK,
    CR,
    DIGITS,
    FIELD_VALUE,
    LF,
    LINE_ENDS,
    TOKEN,
    WHITE,
    Reader,
    broken,
)
from dataplane.model.stages.http.framing.request import HEADERS_MAX, Header, Request

_LENGTH, _ENCODING = b"content-length", b"transfer-encoding"
_LENGTH_END = 1 << 64
Named = Callable[[bytes], None]


def read_headers(reader: Reader, request: Request) -> None:
    """Read up to and including the empty line."""
    while _line_begins(reader, request.headers):
        start = reader.at
        name = _name(reader, lambda name: _check_name(name, request))
        if len(request.headers) == HEADERS_MAX:
            _reach_value(reader)
            broken("HEADER_COUNT")
        request.headers.append(_rest_of_line(reader, name, request.headers, start))


def read_trailers(reader: Reader, request: Request) -> None:
    """The same as `read_headers`, after the last chunk."""
    while _line_begins(reader, request.trailers):
        start = reader.at
        name = _name(reader, _check_trailer)
        request.trailers.append(_rest_of_line(reader, name, request.headers, start))


def _line_begins(reader: Reader, before: list[Header]) -> bool:
    """Begin a line; False: it was the empty line. Only here it is known that the line before is not
    folded."""
    first = reader.peek()
    if first in WHITE:
        broken("HEADER_FOLD")
    if before and before[-1].name.lower() == _LENGTH and not before[-1].value:
        broken("CONTENT_LENGTH")
    if first == CR:
        reader.at += 1
        reader.expect(b"\n", "LINE_END")
        return False
    if first == LF:
        broken("LINE_END")
    return True


def _name(reader: Reader, check: Named) -> bytes:
    name = reader.take_while(TOKEN)
    byte = reader.peek()
    if byte != ord(":") or not name:
        broken("HEADER_COLON" if byte in WHITE or byte in LINE_ENDS else "HEADER_NAME")
    check(name.lower())
    reader.at += 1
    return name


def _check_name(name: bytes, request: Request) -> None:
    lengths, encodings = request.values(_LENGTH), request.values(_ENCODING)
    if (name == _LENGTH and any(encodings)) or (name == _ENCODING and lengths):
        broken("LENGTH_AND_CHUNKED")


def _check_trailer(name: bytes) -> None:
    if name == _LENGTH:
        broken("TRAILER")


def _reach_value(reader: Reader) -> None:
    """Go to the first byte of the value, or to the point where it is known to be empty."""
    while reader.peek() in WHITE:
        reader.at += 1
    if reader.peek() == CR:
        reader.at += 1
        reader.expect(b"\n", "LINE_END")
        if reader.peek() in WHITE:
            broken("HEADER_FOLD")
    elif reader.peek() == LF:
        broken("LINE_END")


def _rest_of_line(reader: Reader, name: bytes, headers: list[Header], start: int) -> Header:
    begin = reader.at
    while reader.peek() in WHITE:
        reader.at += 1
    is_again = any(one.name.lower() == _LENGTH for one in headers)
    if name.lower() == _LENGTH and is_again and reader.peek() not in LINE_ENDS:
        broken("CONTENT_LENGTH_REPEATED")
    match name.lower():
        case b"content-length":
            _read_length(reader)
        case b"transfer-encoding":
            _read_encoding(reader, headers)
    while reader.peek() in FIELD_VALUE:
        reader.at += 1
    if reader.peek() not in LINE_ENDS:
        broken("HEADER_VALUE")
    raw = reader.data[begin : reader.at]
    reader.expect(b"\r\n", "LINE_END")
    return Header(name, raw.strip(b" \t"), raw, reader.at - start)


def _read_length(reader: Reader) -> None:
    """Digits of a number below 2 ** 64, and white space."""
    if reader.peek() in LINE_ENDS:
        return  # empty: see _line_begins
    value = 0
    while reader.peek() in DIGITS:
        value = value * 10 + reader.peek() - ord("0")
        if value >= _LENGTH_END:
            broken("CONTENT_LENGTH")
        reader.at += 1
    while reader.peek() == BLANK:
        reader.at += 1
    if reader.peek() == LF:
        broken("LINE_END")
    if reader.peek() != CR:
        broken("CONTENT_LENGTH")


def _read_encoding(reader: Reader, headers: list[Header]) -> None:
    """Nothing may follow "chunked", in this value or in another one (RFC 9112, 6.1)."""
    if reader.peek() in LINE_ENDS:
        return
    if is_chunked(headers):
        broken("TRANSFER_ENCODING")
    start = reader.at
    while reader.peek() in FIELD_VALUE:
        said = reader.data[start : reader.at + 1].split(b",")
        if any(one.strip(b" ").lower() == b"chunked" for one in said[:-1]):
            broken("TRANSFER_ENCODING")
        reader.at += 1


def is_chunked(headers: list[Header]) -> bool:
    """Whether the last of all codings is "chunked"; some servers take a tab after it as a part of
    it."""
    found = [
        one.raw.lstrip(b" \t") for one in headers if one.name.lower() == _ENCODING and one.value
    ]
    return bool(found) and found[-1].split(b",")[-1].strip(b" ").lower() == b"chunked"
