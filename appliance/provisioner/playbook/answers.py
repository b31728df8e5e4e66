"""The output of a provider below a playbook, line by line, through a named pipe.

Ansible shows a command's output only after its end.
"""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.orchestrator.scaling.protocol import LINE_BYTES_MAX, decode

_CHUNK_BYTES = 1 << 14
_TURN_S = 0.2


class Answers:
    """Reads the pipe in a separate thread until `close`."""

    def __init__(self, path: Path, say: Callable[[str], None]) -> None:
        """Make the pipe; ``say`` gets each line of progress."""
        self.result: dict[str, Any] | None = None
        self.error: str | None = None
        self._say = say
        self._rest = b""
        os.mkfifo(path, 0o600)
        # Opened for writing too: it has no end before `close`, and opening does not block.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Read the remaining lines, and stop."""
        self._ends.set()
        self._thread.join()
        os.close(self._pipe)

    def _read(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._pipe, selectors.EVENT_READ)
            while selector.select(0 if self._ends.is_set() else _TURN_S) or not self._ends.is_set():
                try:
                    self._take(os.read(self._pipe, _CHUNK_BYTES))
                except BlockingIOError:
                    continue
        if self._rest.strip():
            self._hear(self._rest)

    def _take(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hear(line)
        if len(self._rest) > LINE_BYTES_MAX:
            self._fail(f"the provider prints more than {LINE_BYTES_MAX} bytes in a line")
            self._rest = b""

    def _hear(self, line: bytes) -> None:
        try:
            kind, said = decode(line)
        except ValueError as error:
            self._fail(f"the provider prints {error}")
            return
        if self.result is not None:
            self._fail("the provider goes on after its answer")
        elif kind == "progress":
            self._say(said)
        elif kind == "result":
            self.result = said
        else:
            self._fail(said)

    def _fail(self, why: str) -> None:
        self.error = self.error or why
