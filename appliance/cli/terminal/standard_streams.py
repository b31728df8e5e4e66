"""Stdin, stdout and stderr of the command, if they are closed or can't be written.

A result that can't be written is an error of the command. A message that can't be written is lost,
and the command continues.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from appliance.cli.exits import Exit
from dataplane.base.errors import SecBeatError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class OutputError(SecBeatError):
    """The result can't be written."""

    exit_code = Exit.IO_ERROR


class ClosedPipeError(OutputError):
    """The reader of the result has closed the pipe; without a message, as it has what it wants."""

    exit_code = Exit.CLOSED_PIPE


def prepare() -> None:
    """Open the streams that are closed, and replace stdout and stderr.

    A closed stream is None in Python, and the next socket would get its descriptor. Afterwards a
    closed stdin is empty, and writes to a closed stdout raise `OutputError`, as all writes that
    fail. Characters that are not in the encoding of a stream are written as escapes.
    """
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.FileIO(os.devnull))
    if sys.stdout is sys.__stdout__:  # not that of a test
        descriptor = _descriptor(sys.stdout, os.O_RDONLY)  # read-only: writes fail
        sys.stdout = _text(_Result(descriptor, "w", closefd=False), sys.stdout)
    if sys.stderr is sys.__stderr__:
        descriptor = _descriptor(sys.stderr, os.O_WRONLY)
        sys.stderr = _text(_Messages(descriptor, "w", closefd=False), sys.stderr)


@contextmanager
def shown_once(what: str, remedy: str) -> Iterator[None]:
    """If the block can't write the text of a new thing, the error also names the thing and the
    command that removes it."""
    try:
        yield
        sys.stdout.flush()
    except OutputError as error:
        lost = f"{what} is made, and its text is lost; delete it: {remedy}"
        error.args = ("\n".join(filter(None, (str(error), lost))),)
        raise


class _Result(io.FileIO):
    """Raises `OutputError` at the first write that fails, and discards everything after it."""

    _has_failed = False

    def write(self, data: ReadableBuffer, /) -> int:
        if self._has_failed:  # the interpreter writes the rest of the buffer when it ends
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except BrokenPipeError as error:
            self._has_failed = True
            raise ClosedPipeError from error
        except OSError as error:
            self._has_failed = True
            raise OutputError(f"stdout can't be written: {error.strerror}") from error


class _Messages(io.FileIO):
    """Discards what can't be written."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def _descriptor(stream: TextIO | None, flags: int) -> int:
    """The descriptor of a stream, or if it is closed, that of the null device in its place."""
    return os.open(os.devnull, flags) if stream is None else stream.fileno()


def _text(raw: io.FileIO, before: TextIO | None) -> TextIO:
    by_line = isinstance(before, io.TextIOWrapper) and (
        before.line_buffering or before.write_through
    )
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=before.encoding if before else "utf-8",
        errors="backslashreplace",
        line_buffering=by_line,
    )
