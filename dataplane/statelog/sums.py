"""Checksums: a line with one contains the CRC-32 of all bytes of its file before it.

So each checksum also covers those before it. `dataplane.statelog.format` describes which damage is
detected, and how reliably.
"""

from __future__ import annotations

from zlib import crc32

from dataplane.statelog.files import StateLogError

_TAIL = b',"crc32":"%08x"}\n'
TAIL_BYTES = len(_TAIL % 0)
"""Length from the end of the bytes that a checksum covers to the end of its line."""
DAMAGED = "its bytes are not those that were written"


def seal(text: bytes, crc: int) -> tuple[bytes, int]:
    """The line of a non-empty JSON object, with the checksum as its last member.

    ``crc`` is the sum of the file before it; returns the line, and the sum of the file with it.
    """
    crc = crc32(text[:-1], crc)
    tail = _TAIL % crc
    return text[:-1] + tail, crc32(tail, crc)


def unseal(line: bytes, crc: int) -> int:
    """The sum of a file including that line, given without its newline;
    `StateLogError`: damaged."""
    crc = crc32(line[: 1 - TAIL_BYTES], crc)
    tail = _TAIL % crc
    if not line.endswith(tail[:-1]):
        raise StateLogError(DAMAGED)
    return crc32(tail, crc)


def check(tail: bytes, crc: int) -> None:
    """Compare the end of a line with the sum of what is before it."""
    if tail != _TAIL % crc:
        raise StateLogError(DAMAGED)


def tail_sum(tail: bytes) -> str:
    """The checksum at the end of a line; `StateLogError` if there is none."""
    digits = tail[-11:-3]
    try:
        check(tail, int(digits, 16))
    except ValueError:
        raise StateLogError(DAMAGED) from None
    return digits.decode()
