"""The serial console, typed on as a person at the machine does."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

READ_SIZE = 4096
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])")

UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*)?\Z")


class Console:
    """A connection to the console; a context manager. What was shown before it is in the log."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self.shown = ""
        self._cut_off = ""

    def __enter__(self) -> Console:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.close()

    def type(self, text: str) -> None:
        """Type a line and press Return."""
        self._socket.sendall(text.encode() + b"\r")

    def expect(self, pattern: str, bound_s: float) -> str:
        """Wait until this is shown; returns all that was shown up to its end, and forgets it."""
        end = time.monotonic() + bound_s
        while not (found := re.search(pattern, self.shown)):
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise AssertionError(
                    f"the console did not show {pattern!r} within {bound_s} s: {self.shown[-2000:]}"
                )
            self._read(left_s)
        shown, self.shown = self.shown[: found.end()], self.shown[found.end() :]
        return shown

    def _read(self, bound_s: float) -> None:
        self._socket.settimeout(bound_s)
        try:
            data = self._socket.recv(READ_SIZE)
        except TimeoutError:
            return
        if not data:
            raise AssertionError(f"QEMU closed the console; last shown: {self.shown[-2000:]}")
        text = self._cut_off + data.decode(errors="replace")
        unfinished = UNFINISHED.search(text)
        self._cut_off = unfinished.group() if unfinished else ""
        self.shown += plain(text.removesuffix(self._cut_off))


def plain(text: str) -> str:
    """Without the terminal's control sequences."""
    return ESCAPES.sub("", text).replace("\r", "")
