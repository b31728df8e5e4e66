"""A text file of networks, as people and feeds write it: what a line may say, and reading all.

A line is an address, a prefix, or a range ``first-last``; ``#`` and ``;`` begin a comment. Imports
of the API, the command line and replay read lists by this, so that a file means the same to each.
Lines that break a rule are an error that names file, line and why of the first hundred.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

from dataplane.base.errors import InvalidInputError, InvalidInputsError
from dataplane.base.networks import KEY_BITS, Network

UTF8_SIGNATURE = b"\xef\xbb\xbf"
"""UTF-8's signature (RFC 3629 section 6), which some editors put before a text. Files that were
concatenated have it at the beginning of a later line, too."""
_MARK = UTF8_SIGNATURE.decode()
_RANGE_LIMIT = "two addresses of one family, the lower one first"
_SHOWN = 100
NAMED_MAX = 100
_LINE_LENGTH_MAX = 4096


def read_list_file(path: Path) -> Iterator[Network]:
    """The networks of a file, in its order; nothing is kept.

    Raises InvalidInputError: it can't be read; InvalidInputsError, after its last line: bad lines.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            yield from read_list(_lines(file), str(path))
    except OSError as error:
        raise InvalidInputError(
            f"list file {path} can't be read: {error.strerror}", field="file", value=str(path)
        ) from error


def read_list(lines: Iterable[str], name: str) -> Iterator[Network]:
    """The same of lines; ``name``: what errors call the file."""
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
    """Lines, of one that is too long to be a network only its beginning."""
    while line := file.readline(_LINE_LENGTH_MAX):
        yield line
        while len(line) == _LINE_LENGTH_MAX and not line.endswith("\n"):
            line = file.readline(_LINE_LENGTH_MAX)


def without_comment(line: str) -> str:
    """What a line says; empty: nothing."""
    if "#" in line or ";" in line:
        line = line.partition("#")[0].partition(";")[0]
    return line.removeprefix(_MARK).strip()


def networks_of(text: str) -> tuple[Network, ...]:
    """The networks that a text stands for: one, or those that together make its range.

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
    """The fewest prefixes that cover a range: at most 62 of IPv4, 254 of IPv6."""
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
