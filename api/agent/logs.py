"""JSON lines on stderr, in the format of all processes of a node."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TextIO, cast

import structlog


def configure_logging() -> None:
    """One JSON object per line: event, level, time in UTC, and what the caller adds."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", Unfailing(sys.stderr))),
    )


class Unfailing:
    """A stream that ignores write errors: a line that can't be written is lost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """See `io.TextIOBase`."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """See `io.IOBase`."""
        with suppress(OSError):
            self._stream.flush()
