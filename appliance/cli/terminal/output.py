"""What commands print: JSON, or tables on a terminal, or tab-separated lines elsewhere.

Text that came from the node is data: control characters in it are made visible, so that a reason
can't write to the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from appliance.cli.terminal.plain import console

_LAST_WIDTH_MIN = 8
_BETWEEN = 3
"""Blanks that the table puts between two columns."""
Cell = str | int | float | bool | None


class Output:
    """Where a command's result goes; ``as_json`` keeps stdout for one JSON document."""

    def __init__(self, as_json: bool, stream: TextIO | None = None) -> None:
        self.as_json = as_json
        self._stream = stream or sys.stdout
        self.terminal = not as_json and self._stream.isatty()

    def document(self, value: object) -> None:
        """Print JSON."""
        self._line(json.dumps(value, indent=2, ensure_ascii=True))

    def record(self, value: object) -> None:
        """Print JSON on one line, at once: one of many documents, for as long as they come."""
        self._line(json.dumps(value, ensure_ascii=True))
        self._stream.flush()

    def line(self, text: str) -> None:
        """Print one line of text."""
        self._line(clean(text))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """Print rows: a table on a terminal, else a header and rows with tabs between the cells."""
        if self.terminal:
            self._rich_table(columns, rows)
            return
        self._line("\t".join(columns))
        self.rows(rows)

    def rows(self, rows: Iterable[Sequence[Cell]]) -> None:
        """Print rows with tabs between the cells, without a header."""
        for row in rows:
            self._line("\t".join(_text(cell) for cell in row))
        self._stream.flush()

    def _line(self, text: str) -> None:
        self._stream.write(text + "\n")

    def _rich_table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        from rich.box import SIMPLE_HEAD  # noqa: PLC0415 - only a terminal pays for it
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        rows = list(rows)
        screen = console(self._stream)
        whole = _whole_columns(columns, rows, screen.width)
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for index, column in enumerate(columns):
            table.add_column(column, overflow="fold", no_wrap=index < whole)
        for row in rows:
            numbers = [isinstance(cell, int | float) for cell in row]
            table.add_row(
                *(
                    Text(_text(cell), justify="right" if number else "left")
                    for cell, number in zip(row, numbers, strict=True)
                )
            )
        screen.print(table)


def _whole_columns(columns: Sequence[str], rows: Sequence[Sequence[Cell]], width: int) -> int:
    """How many columns are not folded: all but the last (free text) when there is room for a last
    one that can be read, else only the first, which rows are found by.
    """
    cells = zip(columns, *rows, strict=True)
    widths = [max(len(_text(cell)) for cell in column) for column in cells]
    needed = sum(widths[:-1]) + _LAST_WIDTH_MIN + _BETWEEN * len(columns)
    return len(columns) - 1 if needed <= width else 1


def counts(found: Mapping[str, object]) -> str:
    """Counts by name, on one line: ``applied 19, pending 1, of 20``; without those of nothing."""
    return ", ".join(f"{name} {count}" for name, count in found.items() if count) or "none"


def warn(text: str) -> None:
    """Say something on stderr."""
    print(f"secbeat: {clean(text)}", file=sys.stderr)


def clean(text: str) -> str:
    """The text with everything that isn't printable escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return clean(str(cell))
