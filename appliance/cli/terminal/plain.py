"""Escape sequences for terminals, and their width.

If NO_COLOR is set (no-color.org), or TERM names a terminal without escape sequences, none is sent:
neither colours nor movements of the cursor.
"""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 80
"""Columns of a terminal of unknown width."""
_DUMB = {"dumb", "unknown"}


def is_plain() -> bool:
    """Whether no escape sequence may be sent, neither colours nor movements of the cursor."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM", "").lower() in _DUMB


def width_of(stream: IO[str]) -> int:
    """Columns of the terminal behind a stream; $COLUMNS takes precedence."""
    said = os.environ.get("COLUMNS", "")
    if said.isdecimal() and int(said):
        return int(said)
    try:
        return os.get_terminal_size(stream.fileno()).columns or WIDTH
    except (OSError, ValueError):
        return WIDTH


def console(*, stderr: bool = False) -> Console:
    """A console for progress bars and repeatedly drawn views; not for use if `is_plain`."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

    return Console(stderr=stderr)
