"""Byte order marks (U+FEFF) in UTF-8: some editors write one at the start of a text (RFC 3629,
section 6), and in concatenated files it also stands at the start of a later line.

Lists, policies, configurations, rules and JSON bodies all use this module, so that a mark means the
same in each.
"""

from __future__ import annotations

import re

UTF8_SIGNATURE = b"\xef\xbb\xbf"
_AT_LINE_START = re.compile(rb"^(?:\xef\xbb\xbf)+", re.MULTILINE)


def without_marks(text: bytes) -> bytes:
    """The text without marks at the start of its lines; the lines keep their numbers.

    The function knows lines and no syntax: it also removes a mark at the start of a line inside a
    multi-line string.
    """
    return text if UTF8_SIGNATURE not in text else _AT_LINE_START.sub(b"", text)


def decoded(text: bytes) -> str:
    """The text of a file without marks at the start of its lines.

    Raises ValueError: it is not UTF-8, or there is a mark within a line, also in a string or a
    comment: no editor shows it, and what follows a comment would be a part of it.
    """
    text = without_marks(text)
    at = text.find(UTF8_SIGNATURE)
    if at >= 0:
        start = text.rfind(b"\n", 0, at) + 1
        line, column = text.count(b"\n", 0, at) + 1, len(text[start:at].decode("utf-8", "replace"))
        where = f"at line {line}, column {column + 1}"
        raise ValueError(f"an invisible byte order mark (U+FEFF) {where}: remove it")
    return text.decode()
