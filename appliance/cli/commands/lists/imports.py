"""Sends a file of addresses to the API, with a progress bar on a terminal.

The lines are not checked here: the API parses all of them before it changes anything, and names the
invalid ones.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import typer

from appliance.cli.client.answers import Answer
from appliance.cli.client.node_api import NodeApi, Query
from appliance.cli.commands.lists import progress
from dataplane.base.input.marks import without_marks

BODY_MAX = 128 * 1024 * 1024
"""The API's limit for an import."""
_SPOOL_MAX = 1024 * 1024
_TYPES = {"text": "text/plain", "ndjson": "application/x-ndjson"}


def upload(api: NodeApi, path: str, source: str, file_format: str, query: Query) -> Answer:
    """POST the file named ``source``, or stdin if that is ``-``.

    Raises:
        typer.BadParameter: the file can't be read, is empty, or larger than 128 MiB.
    """
    with _opened(source) as stream:
        size = _size(stream)
        if not 0 < size <= BODY_MAX:
            raise typer.BadParameter(f"{source}: {size} bytes; must be 1 to {BODY_MAX}")
        kind = _TYPES["ndjson" if _is_ndjson(stream, file_format) else "text"]
        request_id = uuid.uuid4().hex
        with progress.shown(api, request_id, size) as sent:
            return api.upload(path, _Counted(stream, size, sent), kind, query, request_id)


@contextmanager
def _opened(source: str) -> Iterator[IO[bytes]]:
    """A seekable stream: a length is sent ahead, and stdin has none."""
    if source != "-":
        try:
            stream = Path(source).open("rb")  # noqa: SIM115 - only opening is translated
        except OSError as error:
            raise typer.BadParameter(f"{source}: {error.strerror}") from error
        with stream:
            yield stream
        return
    with tempfile.SpooledTemporaryFile(max_size=_SPOOL_MAX) as spool:
        shutil.copyfileobj(_Bounded(sys.stdin.buffer), spool)
        spool.seek(0)
        yield spool


class _Bounded:
    """Reads at most one byte more than the API accepts."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = BODY_MAX + 1

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data


def _size(stream: IO[bytes]) -> int:
    size = stream.seek(0, 2)
    stream.seek(0)
    return size


def _is_ndjson(stream: IO[bytes], file_format: str) -> bool:
    if file_format != "auto":
        return file_format == "ndjson"
    start = stream.read(4096)
    stream.seek(0)
    return without_marks(start).lstrip().startswith(b"{")


class _Counted:
    """A stream that reports how much of it was read; requests takes its length for
    Content-Length."""

    def __init__(self, stream: IO[bytes], size: int, tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._size = size
        self._tell = tell
        self._sent = 0

    def __len__(self) -> int:
        return self._size

    @property
    def is_sent(self) -> bool:
        """Whether it was read to its end."""
        return self._sent >= self._size

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(64 * 1024):
            yield data

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._sent += len(data)
        self._tell(self._sent)
        return data

    def rewind(self) -> None:
        """Begin again."""
        self._stream.seek(0)
        self._sent = 0
