"""Why the data plane does not start: a file beside its socket, for those who can't read a journal.

Written by a start that failed, kept until one succeeds. No secret is in an error's text.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_NAME = "dataplane.failed"
_BYTES_MAX = 4096


def note(directory: Path, text: str) -> None:
    """Keep what a start has failed with; where that can't be written it is in the journal alone."""
    file = directory / _NAME
    unfinished = file.with_name(f".{_NAME}")
    with suppress(OSError):
        unfinished.write_bytes(text.encode(errors="replace")[:_BYTES_MAX])
        unfinished.chmod(0o644)
        unfinished.replace(file)


def forget(directory: Path) -> None:
    """A start has succeeded."""
    with suppress(OSError):
        (directory / _NAME).unlink()


def noted(directory: Path) -> str | None:
    """What the last start has failed with, on one line; None: it has not, or it can't be seen."""
    try:
        with (directory / _NAME).open("rb") as file:
            text = file.read(_BYTES_MAX).decode(errors="replace")
    except OSError:
        return None
    lines = ("".join(c if c.isprintable() else "?" for c in line) for line in text.splitlines())
    return "; ".join(lines) or None
