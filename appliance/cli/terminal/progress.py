"""Progress on stderr: a bar on a terminal, lines if no escape sequence may be sent.

Prints nothing if stderr is not a terminal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from appliance.cli.terminal.output import warn
from appliance.cli.terminal.plain import console, is_plain

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_S = 10.0
"""Seconds between two lines of the same phase."""


class Bar(Protocol):
    """Gets the progress, as often as the caller likes."""

    def show(self, what: str, done: int, of: int | None, count: str = "") -> None:
        """Show the phase, the part that is done (of None: not known), and both in words."""


@contextmanager
def bar() -> Iterator[Bar]:
    """Shows a bar while the block runs, and removes it afterwards."""
    if not sys.stderr.isatty():
        yield _Nothing()
    elif is_plain():
        yield _Lines()
    else:
        from rich.progress import (  # noqa: PLC0415 - only a terminal pays for it
            BarColumn,
            Progress,
            TaskProgressColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console(stderr=True), transient=True) as progress:
            yield _Drawn(progress)


class _Nothing:
    def show(self, what: str, done: int, of: int | None, count: str = "") -> None:
        """Does nothing, because there is no terminal."""


class _Lines:
    """A line for each phase, and one every `LINE_S`."""

    def __init__(self) -> None:
        self._what, self._at_s = "", 0.0

    def show(self, what: str, done: int, of: int | None, count: str = "") -> None:
        now_s = time.monotonic()
        if what == self._what and now_s - self._at_s < LINE_S:
            return
        self._what, self._at_s = what, now_s
        share = f" {100 * done // of} %" if of else ""
        warn(f"{what}{share}{f' ({count})' if count else ''}")


class _Drawn:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, count="")

    def show(self, what: str, done: int, of: int | None, count: str = "") -> None:
        self._progress.update(
            self._task, description=what, completed=done, total=of, count=count, refresh=False
        )
