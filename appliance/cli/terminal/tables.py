"""Tables that fit the terminal: columns are dropped by their rank, values are never cut.

A table is declared as a mapping of column names to `Column`, in the order of display. A column of
rank 0 is a key column and always stays. Of the others, the one with the highest rank goes first,
and the rightmost of equals. Free text is wrapped between words. If the key columns alone are wider
than the terminal, their values are folded.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

GAP = "  "
WIDTH_MIN = 20
"""A narrower terminal is treated as one with so many columns."""
TEXT_MIN = 16
"""Minimum width of wrapped text in columns; before it gets less, another column is dropped."""
_BREAKS = ".,:;/_-=&?"
"""Characters behind which a word that is longer than its column may be broken."""
_RULE = "-"


@dataclass(frozen=True)
class Column:
    """The order in which a column is dropped, and whether its text may be wrapped."""

    rank: int = 0
    """0: never dropped."""
    wraps: bool = False


Columns = Mapping[str, Column]
KEY = Column()
KEY_TEXT = Column(wraps=True)
PAIRS: Columns = {"what": KEY, "value": KEY_TEXT}
"""A table of names and values."""


@dataclass(frozen=True)
class Layout:
    """The shown columns, by index, with their widths."""

    widths: Mapping[int, int]
    dropped: tuple[str, ...]
    """Names of the columns that are not shown."""


def lay_out(columns: Columns, rows: Sequence[Sequence[str]], width: int) -> Layout:
    """Choose columns and their widths for a terminal of ``width`` columns."""
    names, kinds, width = list(columns), list(columns.values()), max(width, WIDTH_MIN)
    natural = [max(map(width_of, column)) for column in zip(names, *rows, strict=True)]
    shown = {
        index: max(width_of(names[index]), min(full, TEXT_MIN)) if kinds[index].wraps else full
        for index, full in enumerate(natural)
    }
    while _total(shown) > width:
        last = max(shown, key=lambda index: (kinds[index].rank, index))
        if kinds[last].rank == 0:
            break
        del shown[last]
    _fold(shown, width)
    _widen(shown, natural, width)
    dropped = tuple(name for index, name in enumerate(names) if index not in shown)
    return Layout(shown, dropped)


def header(columns: Columns, layout: Layout) -> list[str]:
    """The lines of the names, without the rule below them."""
    return list(_lines(list(columns), layout, frozenset()))


def rule(layout: Layout) -> str:
    """The line between the names and the rows."""
    return GAP.join(_RULE * width for width in layout.widths.values())


def row(cells: Sequence[str], layout: Layout, numbers: frozenset[int]) -> Iterator[str]:
    """The lines of a row; cells with an index in ``numbers`` are right-aligned."""
    return _lines(cells, layout, numbers)


def table(columns: Columns, rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """All lines of a table without numbers."""
    layout, none = lay_out(columns, rows, width), frozenset[int]()
    lines = [line for cells in rows for line in row(cells, layout, none)]
    return [*header(columns, layout), rule(layout), *lines]


@lru_cache(maxsize=65_536)
def width_of(text: str) -> int:
    """Columns that a text takes on a terminal (Unicode Standard Annex 11)."""
    return len(text) if text.isascii() else sum(map(_width_of_character, text))


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most ``width`` columns; only blanks at line ends are left out."""
    lines = []
    while width_of(text) > width:
        room = _fitting(text, width)
        blank = text.rfind(" ", 0, room + 1)
        if blank > 0:
            line, text = text[:blank], text[blank + 1 :]
        else:
            broken = max(text.rfind(character, 0, room) for character in _BREAKS) + 1
            cut = broken if broken > room // 2 else room
            line, text = text[:cut], text[cut:]
        lines.append(line)
    return [*lines, text] if text or not lines else lines


def _total(shown: Mapping[int, int]) -> int:
    return sum(shown.values()) + len(GAP) * (len(shown) - 1)


def _fold(shown: dict[int, int], width: int) -> None:
    """Narrow the widest of the key columns until they fit."""
    while _total(shown) > width:
        widest = max(shown, key=lambda index: shown[index])
        if shown[widest] == 1:
            return
        shown[widest] -= 1


def _widen(shown: dict[int, int], natural: Sequence[int], width: int) -> None:
    """Distribute the remaining width evenly to the columns that are narrower than their values."""
    for _ in range(width - _total(shown)):
        narrow = [index for index, has in shown.items() if has < natural[index]]
        if not narrow:
            return
        shown[min(narrow, key=lambda index: shown[index])] += 1


def _lines(cells: Sequence[str], layout: Layout, numbers: frozenset[int]) -> Iterator[str]:
    parts = [wrapped(cells[index], width) for index, width in layout.widths.items()]
    for line in zip_longest(*parts, fillvalue=""):
        padded = (
            _padded(part, width, index in numbers)
            for part, (index, width) in zip(line, layout.widths.items(), strict=True)
        )
        yield GAP.join(padded).rstrip()


def _padded(text: str, width: int, is_number: bool) -> str:
    blanks = " " * (width - width_of(text))
    return blanks + text if is_number else text + blanks


def _fitting(text: str, width: int) -> int:
    """Number of the first characters that fit; at least one."""
    used = 0
    for index, character in enumerate(text):
        used += _width_of_character(character)
        if used > width:
            return max(index, 1)
    return len(text)


def _width_of_character(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
