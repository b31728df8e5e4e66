"""Encodings that are decoded within one value: twin of ``stages/http/forms/forms_text.h``."""

from __future__ import annotations

import re
from collections.abc import Callable

ROUNDS_MAX = 4
"""Rounds of `fold`."""
ESCAPE_BYTES_MAX = 6
"""%uXXXX."""
NAMES = {
    "lt": "<", "LT": "<", "gt": ">", "GT": ">", "amp": "&", "AMP": "&", "quot": '"', "QUOT": '"',
    "nbsp": " ", "apos": "'", "Tab": "\t", "NewLine": "\n", "excl": "!", "num": "#", "dollar": "$",
    "percnt": "%", "lpar": "(", "rpar": ")", "ast": "*", "midast": "*", "plus": "+", "comma": ",",
    "period": ".", "sol": "/", "colon": ":", "semi": ";", "equals": "=", "quest": "?",
    "commat": "@", "lsqb": "[", "lbrack": "[", "bsol": "\\", "rsqb": "]", "rbrack": "]", "Hat": "^",
    "lowbar": "_", "UnderBar": "_", "grave": "`", "lcub": "{", "lbrace": "{", "verbar": "|",
    "vert": "|", "rcub": "}", "rbrace": "}",
}  # fmt: skip
"""HTML's "named character references" for ASCII characters that are neither letter nor digit; and
the space."""
WITHOUT_END = ("lt", "LT", "gt", "GT", "amp", "AMP", "quot", "QUOT", "nbsp")
"""References that need no semicolon, unless = follows."""
_BLANKS = {bytes([byte]) for byte in range(1, 32)} - {b"\t", b"\r"}
"""Characters that SQL servers and browsers take for a space; tabs and CR match a ``.`` anyway."""
_ESCAPED = re.compile(rb"%([0-9a-fA-F]{2})")
_BY_NUMBER = re.compile(rb"&#(?:[xX]([0-9a-fA-F]+)|([0-9]+));?")
_BY_NAME = re.compile(
    rb"&(?:(?P<with_end>"
    + "|".join(sorted(NAMES, key=len, reverse=True)).encode()
    + rb");|(?P<without>"
    + "|".join(WITHOUT_END).encode()
    + rb")(?!=|;))"
)
_JSON = re.compile(
    rb"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|\\u([0-9a-fA-F]{4})|\\([\"\\/bfnrt])"
)
_JSON_PLAIN = dict(zip(b'"\\/bfnrt', b'"\\/\b\f\n\r\t', strict=True))
_TAILS: tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]], ...] = (
    (_ESCAPED, lambda found: bytes([int(found[1], 16)])),
    (
        re.compile(rb"%[uU]([0-9a-fA-F]{4})"),
        lambda found: _utf8(_narrow(int(found[1], 16))),
    ),
    (
        re.compile(rb"(?:[\xc0\xc1]|\xe0[\x80\x81]|\xf0\x80[\x80\x81])[\x80-\xbf]", re.DOTALL),
        lambda found: bytes([(found[0][-2] & 1) << 6 | found[0][-1] & 0x3F]),
    ),
    (
        re.compile(rb"\xef\xbc[\x81-\xbf]|\xef\xbd[\x80-\x9e]"),
        lambda found: _utf8(_narrow(ord(found[0].decode()))),
    ),
)
"""Escapes that are decoded as soon as their last byte is read."""


def decode(value: bytes, *, plus: bool) -> bytes:
    """Decode %XX once; RFC 3986, section 2.1. ``plus``: ``+`` is a space."""
    value = value.replace(b"+", b" ") if plus else value
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), value)


def unescape(value: bytes) -> bytes:
    """Decode escapes of a JSON string; RFC 8259, section 7. Others are kept."""

    def one(found: re.Match[bytes]) -> bytes:
        if found[4]:
            return bytes([_JSON_PLAIN[found[4][0]]])
        if found[3]:
            return _utf8(int(found[3], 16))
        high, low = int(found[1], 16), int(found[2], 16)
        return _utf8(0x10000 + ((high - 0xD800) << 10) + low - 0xDC00)

    return _JSON.sub(one, value)


def fold(value: bytes, *, plus: bool) -> bytes:
    """The value as the most lenient reader reads it."""
    value = _undo_escapes(value, plus=plus)
    for _ in range(ROUNDS_MAX - 1):
        left = dereference(value)
        if left == value:
            break
        value = _undo_escapes(left, plus=plus)
    return value


def dereference(value: bytes) -> bytes:
    """Decode character references of HTML, once."""

    def by_number(found: re.Match[bytes]) -> bytes:
        number = int(found[1], 16) if found[1] else int(found[2])
        if number > 0x10FFFF or 0xD800 <= number < 0xE000:
            return found[0]
        return _utf8(number)

    def either(found: re.Match[bytes]) -> bytes:
        if found[0].startswith(b"&#"):
            return by_number(found)
        return NAMES[(found["with_end"] or found["without"]).decode()].encode()

    return re.sub(_BY_NUMBER.pattern + rb"|" + _BY_NAME.pattern, either, value)


def _undo_escapes(value: bytes, *, plus: bool) -> bytes:
    """Decode byte by byte, because decoded bytes may complete another escape."""
    out = bytearray()
    for byte in value:
        last = bytes([byte])
        while last and last != b"\0":
            if last in _BLANKS or (plus and last == b"+"):
                last = b" "
            last = _completed(out, last)
    return bytes(out)


def _completed(out: bytearray, last: bytes) -> bytes:
    """Add a byte, or the character of the escape that it completes; returned ASCII is yet to be
    added."""
    tail = bytes(out[-ESCAPE_BYTES_MAX + 1 :]) + last
    for pattern, meaning in _TAILS:
        for size in (2, 3, 4, ESCAPE_BYTES_MAX):
            found = pattern.fullmatch(tail[-size:])
            if found:
                del out[len(out) - len(found[0]) + 1 :]
                character = meaning(found)
                if len(character) == 1:
                    return character
                out += character
                return b""
    out += last
    return b""


def _narrow(character: int) -> int:
    """ASCII for a full-width form."""
    return character - 0xFEE0 if 0xFF01 <= character <= 0xFF5E else character


def _utf8(character: int) -> bytes:
    return chr(character).encode("utf-8", "surrogatepass")
