"""A text file with one address or prefix per line: what replay loads into the lists.

Empty lines and what follows ``#`` are nothing. The first line that is no network is an error that
names file, line and why.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dataplane.base.errors import InvalidInputError
from dataplane.base.networks import Network

_LINE_LENGTH_MAX = 4096


def read_list_file(path: Path) -> Iterator[Network]:
    """The networks of a file, in its order; nothing is kept."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            number = 0
            while line := file.readline(_LINE_LENGTH_MAX):
                number += 1
                text = line.partition("#")[0].strip()
                if text:
                    yield _parse(text, path, number)
    except OSError as error:
        raise InvalidInputError(
            f"list file {path} can't be read: {error.strerror}", field="file", value=str(path)
        ) from error


def _parse(text: str, path: Path, number: int) -> Network:
    try:
        return Network.parse(text)
    except InvalidInputError as error:
        raise InvalidInputError(
            f"{path}, line {number}: {error}", field="ip", value=error.value, limit=error.limit
        ) from error
