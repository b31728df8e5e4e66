"""Text files of networks, as people and feeds write them: the syntax of a line, and a reader.

A line is an address, a prefix, or a range ``first-last``; ``#`` and ``;`` begin a comment. Imports
of the API, the command line and replay all use this module, so that a file means the same to each.
Invalid lines raise an error that names file, line and reason of the first hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.networks import KEY_BITS, Network

UTF8_SIGNATURE = b"\xef\xbb\xbf"
"""UTF-8's signature (RFC 3629 section 6), which some editors write at the start of a text. In
concatenated files it also stands at the start of a later line."""
_MARK = UTF8_SIGNATURE.decode()
_RANGE_LIMIT = "two addresses of one family, the lower one first"
_SHOWN = 100
NAMED_MAX = 100
_LINE_LENGTH_MAX = 4096


def read_list_file(path: Path) -> Iterator[Network]:
    """The networks of a file in order, one at a time.

    Raises InvalidInputError: the file can't be read; InvalidInputsError, after the last line: there
    are invalid lines.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from read_list(_lines(file), str(path))
    except OSError as error:
        raise InvalidInputError(
            f"list file {path} can't be read: {error.strerror}", field="file", value=str(path)
        ) from error


def read_list(lines: Iterable[str], name: str) -> Iterator[Network]:
    """The networks of lines; ``name``: the name of the file in errors."""
    named, count = list[InvalidInputError](), 0
    for number, line in enumerate(lines, 1):
        try:
            if text := without_comment(line):
                yield from networks_of(text)
        except InvalidInputError as error:
            count += 1
            if count <= NAMED_MAX:
                what = f"{name}, line {number}: {error}"
                bad = InvalidInputError(what, field="ip", value=error.value, limit=error.limit)
                named.append(bad)
    if named:
        raise InvalidInputsError(named, count)


def _lines(file: TextIO) -> Iterator[str]:
    """Lines; of one that is too long for a network, only the beginning."""
    while line := file.readline(_LINE_LENGTH_MAX):
        yield line
        while len(line) == _LINE_LENGTH_MAX and not line.endswith("\n"):
            line = file.readline(_LINE_LENGTH_MAX)


def without_comment(line: str) -> str:
    """The content of a line; empty: there is none."""
    if "#" in line or ";" in line:
        line = line.partition("#")[0].partition(";")[0]
    return line.removeprefix(_MARK).strip()


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
    return _cover(int.from_bytes(one.key, "big"), int.from_bytes(other.key, "big"))


def _cover(one: int, other: int) -> tuple[Network, ...]:
    """The fewest prefixes that cover a range: at most 62 for IPv4, 254 for IPv6."""
    found = []
    while one <= other:
        aligned = (one & -one).bit_length() - 1 if one else KEY_BITS
        bits = min(aligned, (other - one + 1).bit_length() - 1)
        found.append(Network(one.to_bytes(KEY_BITS // 8, "big"), KEY_BITS - bits))
        one += 1 << bits
    return tuple(found)


def _no_range(text: str) -> InvalidInputError:
    shown = text[:_SHOWN]
    message = f"{shown!r} is no range of addresses: {_RANGE_LIMIT}"
    return InvalidInputError(message, field="ip", value=shown, limit=_RANGE_LIMIT)
