"""How far the bulk change under way is: who began it, its phase, and what of that is done.

The thread of the bulk change writes, requests read; nothing here is worth a lock. What a process of
its own has done of the first phase, it writes into a file.
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
    """Of one bulk change."""

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
        """Of `of`."""
        if self._file is not None:
            with suppress(OSError, ValueError):
                return int(self._file.read_text("ascii"))
        return self._done

    def check(self, size_bytes: int, file: Path) -> None:
        """A body of that size is checked; ``file`` gets how much of it."""
        self._file, self.of = file, size_bytes

    def begin(self, phase: Phase, of: int | None = None) -> None:
        """The next phase."""
        self._file, self._done, self.of, self.phase = None, 0, of, phase

    def advance(self, done: int) -> None:
        """So much of the phase is done."""
        self._done = done


def note(file: Path, done: int) -> None:
    """Write what `Progress.done` reads."""
    file.write_text(f"{done:020}", "ascii")
