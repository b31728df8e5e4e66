"""Checksums: a line that has one says what the CRC-32 of every byte of its file before it is.

So one that follows another vouches for that one too. What is noticed, and how surely, is said in
`dataplane.statelog.format`.
"""

from __future__ import annotations

from zlib import crc32

from dataplane.statelog.files import StateLogError

_TAIL = b',"crc32":"%08x"}\n'
TAIL_BYTES = len(_TAIL % 0)
"""From the end of what a checksum covers to the end of its line."""
DAMAGED = "its bytes are not those that were written"


def seal(text: bytes, crc: int) -> tuple[bytes, int]:
    """The line of a JSON object that is not empty, its checksum as the last member.

    ``crc`` is the sum of the file before it; returns the line, and the sum of the file with it.
    """
    crc = crc32(text[:-1], crc)
    tail = _TAIL % crc
    return text[:-1] + tail, crc32(tail, crc)


def unseal(line: bytes, crc: int) -> int:
    """The sum of a file with that line, given without its newline; `StateLogError`: damaged."""
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
    """The checksum in the end of a line; `StateLogError` if there is none."""
    digits = tail[-11:-3]
    try:
        check(tail, int(digits, 16))
    except ValueError:
        raise StateLogError(DAMAGED) from None
    return digits.decode()
