"""Content whose kind is guessed from its bytes; JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from dataplane.model.stages.http.forms.values import FIELD, JSON, TEXT, Lines, lines_of, no_lines

_PUNCTUATION = b" \t\r\n{}[]:,"
_QUOTE = re.compile(rb'(\\*)"')


def guessed(content: bytes, *, is_field: bool) -> Lines:
    """Lines of a body, or of a part, without a declared kind."""
    match _first(content):
        case b"{" | b"[":
            return json_lines(content)
        case first if is_field or first == b"<":
            return lines_of([content], FIELD if is_field else TEXT)
    return no_lines()


def json_lines(content: bytes) -> Lines:
    """Lines of the strings, and of the text between them."""
    return lines_of((one for one in _strings(content) if one.strip(_PUNCTUATION)), JSON)


def _strings(content: bytes) -> Iterator[bytes]:
    start = 0
    for quote in _QUOTE.finditer(content):
        if len(quote[1]) % 2 == 0:
            yield content[start : quote.end() - 1]
            start = quote.end()
    yield content[start:]


def _first(content: bytes) -> bytes:
    """The first byte after a byte order mark and white space; empty: none."""
    return content.removeprefix(b"\xef\xbb\xbf").lstrip(b" \t\n\v\f\r")[:1]
