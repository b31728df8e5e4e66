"""Text files of networks, as people and feeds write them: the syntax of a line, and a reader.

A line is an address, a prefix, or a range ``first-last``; ``#`` and ``;`` begin a comment. The text
before the comment has at most `LINE_BYTES_MAX`. Imports of the API, the command line and replay all
use this module, so that a file means the same to each.
Invalid lines raise an error that names file, line and reason of the first hundred.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.input.marks import UTF8_SIGNATURE
from dataplane.base.networks import KEY_BITS, MAPPED_PREFIX, Network

_MARK = UTF8_SIGNATURE.decode()
_RANGE_LIMIT = "two addresses of one family, the lower one first"
_SHOWN = 100
NAMED_MAX = 100
LINE_BYTES_MAX = 4096
"""Bytes of a line before its comment."""
_MAPPED = Network(MAPPED_PREFIX + bytes(4), 8 * len(MAPPED_PREFIX))


def read_list_file(path: Path) -> Iterator[Network]:
    """The networks of a file in order, one at a time.

    Raises InvalidInputError: the file can't be read; InvalidInputsError, after the last line: there
    are invalid lines.
    """
    try:
        with path.open("rb") as file:
            yield from read_list(file, str(path))
    except OSError as error:
        raise InvalidInputError(
            f"list file {path} can't be read: {error.strerror}", field="file", value=str(path)
        ) from error


def read_list(file: BinaryIO, name: str) -> Iterator[Network]:
    """The networks of a stream; ``name``: its name in errors. Raises InvalidInputsError as
    `read_list_file`."""
    named, count = list[InvalidInputError](), 0
    for number, line in enumerate(_lines(file), 1):
        try:
            if text := content_of(line):
                yield from networks_of(text)
        except InvalidInputError as error:
            count += 1
            if count <= NAMED_MAX:
                what = f"{name}, line {number}: {error}"
                bad = InvalidInputError(what, field="ip", value=error.value, limit=error.limit)
                named.append(bad)
    if named:
        raise InvalidInputsError(named, count)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Lines; of a long one, one byte more than `LINE_BYTES_MAX`."""
    while line := file.readline(LINE_BYTES_MAX + 1):
        yield line
        while line and not line.endswith(b"\n"):
            line = file.readline(LINE_BYTES_MAX)


def content_of(line: bytes) -> str:
    """The text of a line without its comment; empty: there is none.

    Of a line that is longer than `LINE_BYTES_MAX`, one byte more is sufficient. Raises
    InvalidInputError: the text before the comment is longer.
    """
    if b"#" in line or b";" in line:
        line = line.partition(b"#")[0].partition(b";")[0]
    if len(line) > LINE_BYTES_MAX:
        raise too_long(line)
    return line.decode("utf-8", "replace").lstrip(_MARK).strip()


def too_long(line: bytes) -> InvalidInputError:
    """The error for a line that is longer than `LINE_BYTES_MAX`."""
    value, limit = line[:_SHOWN].decode("ascii", "replace"), f"{LINE_BYTES_MAX} bytes"
    message = f"is too long, limit {limit} without a comment"
    return InvalidInputError(message, field="line", value=value, limit=limit)


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks of a text: one, or the prefixes that together make its range.

    Raises InvalidInputError on the field ``ip``.
    """
    try:
        return (Network.parse(text),)
    except InvalidInputError:
        first, dash, last = text.partition("-")
        if not dash:
            raise
    try:
        one, other = Network.parse(first.strip()), Network.parse(last.strip())
    except InvalidInputError as exc:
        raise _no_range(text) from exc
    if not (one.is_address and other.is_address and one.family == other.family and one <= other):
        raise _no_range(text)
    found = _cover(int.from_bytes(one.key, "big"), int.from_bytes(other.key, "big"))
    if one.family != 4 and _MAPPED in found:  # noqa: PLR2004 - the prefix would be IPv4's 0.0.0.0/0
        raise _across_mapped(text)
    return found


def _cover(one: int, other: int) -> tuple[Network, ...]:
    """The fewest prefixes that cover a range: at most 62 for IPv4, 254 for IPv6."""
    found = []
    while one <= other:
        aligned = (one & -one).bit_length() - 1 if one else KEY_BITS
        bits = min(aligned, (other - one + 1).bit_length() - 1)
        found.append(Network(one.to_bytes(KEY_BITS // 8, "big"), KEY_BITS - bits))
        one += 1 << bits
    return tuple(found)


def _across_mapped(text: str) -> InvalidInputError:
    shown = text[:_SHOWN]
    message = f"{shown!r} crosses ::ffff:0:0/96, which is IPv4: write the parts before and after it"
    return InvalidInputError(message, field="ip", value=shown, limit=_RANGE_LIMIT)


def _no_range(text: str) -> InvalidInputError:
    shown = text[:_SHOWN]
    message = f"{shown!r} is no range of addresses: {_RANGE_LIMIT}"
    return InvalidInputError(message, field="ip", value=shown, limit=_RANGE_LIMIT)
