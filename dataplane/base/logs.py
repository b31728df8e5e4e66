"""JSON lines on stderr, for journald or another supervisor.

The format is structlog's (event, level, timestamp, fields), as in the other processes. structlog
itself is not used: its import takes 12 MB of the data plane's 128 MB (with rich installed; Python
3.11, x86-64).
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import TextIO


class Log:
    """Writes one line per event, at once; ignores that the reader is gone."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    def info(self, event: str, **fields: object) -> None:
        """Information for an operator."""
        self._write(event, "info", fields)

    def warning(self, event: str, **fields: object) -> None:
        """An event that may need an operator's attention."""
        self._write(event, "warning", fields)

    def error(self, event: str, **fields: object) -> None:
        """An error that ends the process, or a part of its work."""
        self._write(event, "error", fields)

    def _write(self, event: str, level: str, fields: dict[str, object]) -> None:
        timestamp = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        line = {**fields, "event": event, "level": level, "timestamp": timestamp}
        with suppress(OSError):
            print(json.dumps(line, default=str), file=self._stream or sys.stderr, flush=True)
