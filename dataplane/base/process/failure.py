"""The error of a failed start of the data plane, in a file beside its socket: not everyone can read
the journal.

A failed start writes the file, the next successful one removes it. The error's text has no secret.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_NAME = "dataplane.failed"
_BYTES_MAX = 4096


def note(directory: Path, text: str) -> None:
    """Store the error of a start; if that fails, only the journal has it."""
    file = directory / _NAME
    unfinished = file.with_name(f".{_NAME}")
    with suppress(OSError):
        unfinished.write_bytes(text.encode(errors="replace")[:_BYTES_MAX])
        unfinished.chmod(0o644)
        unfinished.replace(file)


def forget(directory: Path) -> None:
    """Remove the file after a successful start."""
    with suppress(OSError):
        (directory / _NAME).unlink()


def noted(directory: Path) -> str | None:
    """The error of the last start on one line; None: there is none, or it can't be read."""
    try:
        with (directory / _NAME).open("rb") as file:
            text = file.read(_BYTES_MAX).decode(errors="replace")
    except OSError:
        return None
    lines = ("".join(c if c.isprintable() else "?" for c in line) for line in text.splitlines())
    return "; ".join(lines) or None
