"""Reads the bytes of a message in order; exceptions end the reading early."""

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
    """The bytes end before the element that is being read."""


class BrokenError(Exception):
    """The end of the message can't be determined; ``fault`` is the reason."""

    def __init__(self, fault: str) -> None:
        super().__init__(fault)
        self.fault = fault


def broken(fault: str) -> NoReturn:
    """Raise BrokenError."""
    raise BrokenError(fault)


class Reader:
    """The position in the bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def peek(self) -> int:
        """The next byte. Raises MoreError."""
        if self.at >= len(self.data):
            raise MoreError
        return self.data[self.at]

    def take(self) -> int:
        """The next byte; moves past it."""
        byte = self.peek()
        self.at += 1
        return byte

    def take_while(self, wanted: Container[int]) -> bytes:
        """All bytes up to one outside of the set. Raises MoreError if there is none."""
        start = self.at
        while self.peek() in wanted:
            self.at += 1
        return self.data[start : self.at]

    def expect(self, wanted: bytes, fault: str) -> None:
        """Read exactly these bytes."""
        for byte in wanted:
            if self.take() != byte:
                broken(fault)
