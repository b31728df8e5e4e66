"""The progress of the bulk change under way: its author, its phase, and how much is done.

The thread of the bulk change writes, requests read; no lock is needed. During the first phase a
separate process writes its progress into a file.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dataplane.statelog import ListName

Phase = Literal["checking", "writing", "publishing"]
Kind = Literal["import", "remove"]


@dataclass
class Progress:
    """The progress of one bulk change."""

    kind: Kind
    list: ListName
    created_by: str
    request_id: str
    began_ms: int
    phase: Phase = "checking"
    of: int | None = None
    """Bytes of the body while it is checked, networks while they are written; None: not known."""
    _done: int = 0
    _file: Path | None = None

    @property
    def done(self) -> int:
        """The part of `of` that is done."""
        if self._file is not None:
            with suppress(OSError, ValueError):
                return int(self._file.read_text("ascii"))
        return self._done

    def check(self, size_bytes: int, file: Path) -> None:
        """Begin to check a body of that size; ``file`` gets the number of checked bytes."""
        self._file, self.of = file, size_bytes

    def begin(self, phase: Phase, of: int | None = None) -> None:
        """Begin the next phase."""
        self._file, self._done, self.of, self.phase = None, 0, of, phase

    def advance(self, done: int) -> None:
        """Add to the part of the phase that is done."""
        self._done = done


def note(file: Path, done: int) -> None:
    """Write the number that `Progress.done` reads."""
    file.write_text(f"{done:020}", "ascii")
