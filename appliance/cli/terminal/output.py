"""The output of commands: JSON, or tables on a terminal, or tab-separated lines elsewhere.

Text from the node is data: control characters in it are made visible, so that a reason can't
control the terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TextIO

from appliance.cli.terminal.plain import is_plain, width_of
from appliance.cli.terminal.tables import Columns, header, lay_out, row, rule, wrapped

Cell = str | int | float | bool | None
Rows = Iterable[Sequence[Cell]]
_BOLD, _USUAL = "\x1b[1m", "\x1b[0m"


class Output:
    """The output of a command's result; ``as_json`` reserves stdout for one JSON document."""

    def __init__(self, as_json: bool, stream: TextIO | None = None) -> None:
        self.as_json = as_json
        self._stream = stream or sys.stdout
        self.terminal = not as_json and self._stream.isatty()
        self._has_begun = False

    def document(self, value: object) -> None:
        """Print JSON."""
        self._line(json.dumps(value, indent=2, ensure_ascii=True))

    def record(self, value: object) -> None:
        """Print JSON on one line, at once: one of a series of documents."""
        self._line(json.dumps(value, ensure_ascii=True))
        self._stream.flush()

    def line(self, text: str) -> None:
        """Print one line of text."""
        self._line(clean(text))

    def table(self, columns: Columns, rows: Rows) -> None:
        """Print rows: a table on a terminal, else a header and rows with tabs between the cells."""
        self.pages(columns, [rows])

    def pages(self, columns: Columns, pages: Iterable[Rows]) -> None:
        """Print a table whose rows come in pages; each page is printed before the next one is
        requested.

        On a terminal each page has widths of its own; if they change, the header is repeated. The
        last line names the columns that had no room.
        """
        if self.terminal:
            self._tables(columns, pages)
            return
        self._line("\t".join(columns))
        for page in pages:
            self.rows(page)

    def rows(self, rows: Rows) -> None:
        """Print rows with tabs between the cells, without a header."""
        for each in rows:
            self._line("\t".join(_text(cell) for cell in each))
        self._stream.flush()

    def _line(self, text: str) -> None:
        self._has_begun = True
        self._stream.write(text + "\n")

    def _tables(self, columns: Columns, pages: Iterable[Rows]) -> None:
        width, layout = width_of(self._stream), None
        dropped: dict[str, None] = {}
        if self._has_begun:
            self._line("")
        for page in map(list, pages):
            texts = [[_text(cell) for cell in each] for each in page]
            before, layout = layout, lay_out(columns, texts, width)
            if layout != before:
                for line in header(columns, layout):
                    self._line(_bold(line))
                self._line(rule(layout))
            for cells, shown in zip(page, texts, strict=True):
                for line in row(shown, layout, _numbers(cells)):
                    self._line(line)
            self._stream.flush()
            dropped |= dict.fromkeys(layout.dropped)
        if dropped:
            note = f"not shown: {', '.join(dropped)} (--json or a wider terminal shows them)"
            for line in wrapped(note, width):
                self._line(line)


def _bold(text: str) -> str:
    return text if is_plain() else f"{_BOLD}{text}{_USUAL}"


def _numbers(cells: Sequence[Cell]) -> frozenset[int]:
    return frozenset(
        index
        for index, cell in enumerate(cells)
        if isinstance(cell, int | float) and not isinstance(cell, bool)
    )


def counts(found: Mapping[str, object]) -> str:
    """Counts by name, on one line: ``applied 19, pending 1, of 20``; counts of 0 are left out."""
    return ", ".join(f"{name} {count}" for name, count in found.items() if count) or "none"


def warn(text: str) -> None:
    """Print a line on stderr."""
    print(f"secbeat: {clean(text)}", file=sys.stderr)


def clean(text: str) -> str:
    """The text with all characters escaped that are not printable."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return clean(str(cell))
