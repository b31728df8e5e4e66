"""Bytes of a message as they are read one after the other, and how reading may end early."""

from __future__ import annotations

from collections.abc import Container
from typing import NoReturn

CR, LF, TAB, BLANK = b"\r\n\t "
WHITE = frozenset((TAB, BLANK))
LINE_ENDS = frozenset((CR, LF))
DIGITS = frozenset(b"0123456789")
HEX_DIGITS = frozenset(b"0123456789abcdefABCDEF")
LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
TOKEN = LETTERS | DIGITS | frozenset(b"!#$%&'*+-.^_`|~")
"""RFC 9110, 5.6.2."""
FIELD_VALUE = frozenset((TAB, *range(0x20, 0x7F), *range(0x80, 0x100)))
"""RFC 9110, 5.5."""


class MoreError(Exception):
    """The bytes end before what is read does."""


class BrokenError(Exception):
    """Where the message ends can't be known; ``fault`` says why."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def broken(fault: str) -> NoReturn:
    """Raise BrokenError."""
    raise BrokenError(fault)


class Reader:
    """Where in the bytes reading is."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def peek(self) -> int:
        """The byte that comes. Raises MoreError."""
        if self.at >= len(self.data):
            raise MoreError
        return self.data[self.at]

    def take(self) -> int:
        """The same, and go on behind it."""
        byte = self.peek()
        self.at += 1
        return byte

    def take_while(self, wanted: Container[int]) -> bytes:
        """All that come before another one, which is there. Raises MoreError."""
        start = self.at
        while self.peek() in wanted:
            self.at += 1
        return self.data[start : self.at]

    def expect(self, wanted: bytes, fault: str) -> None:
        """Exactly these bytes."""
        for byte in wanted:
            if self.take() != byte:
                broken(fault)
