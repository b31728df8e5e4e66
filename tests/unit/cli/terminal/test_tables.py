"""Every table of the commands: at any width no value is lost or cut, no line is too long."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator, Mapping
from importlib import import_module

import pytest

from appliance.cli import commands
from appliance.cli.terminal.tables import (
    KEY,
    KEY_TEXT,
    TEXT_MIN,
    Column,
    Columns,
    header,
    lay_out,
    row,
    rule,
    table,
    width_of,
    wrapped,
)

WIDTHS = (40, 60, 80, 120, 400)
NONE = frozenset[int]()
ADDRESS = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff/128"
VALUES = ("7", "in_force", "2026-11-26T00:26:00.656Z", ADDRESS, "a reason of many words, " * 9)


def declared() -> Iterator[tuple[str, Columns]]:
    """All tables that modules of the commands declare."""
    for found in pkgutil.walk_packages(commands.__path__, f"{commands.__name__}."):
        for name, value in vars(import_module(found.name)).items():
            if isinstance(value, Mapping) and value and _are_columns(value):
                yield f"{found.name}.{name}", value


def _are_columns(value: Mapping[object, object]) -> bool:
    return all(isinstance(column, Column) for column in value.values())


TABLES = dict(declared())


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def shown_cells(lines: list[str], widths: Mapping[int, int]) -> dict[int, str]:
    """What stands below each other in the columns of one row, without blanks."""
    found, at = {}, 0
    for index, width in widths.items():
        found[index] = squeezed("".join(line[at : at + width] for line in lines))
        at += width + 2
    return found


def test_the_tables_are_found() -> None:
    names = {name.rpartition(".commands.")[2] for name in TABLES}
    assert {"lists.entries.COLUMNS", "audit.COLUMNS", "replay.view.WAF_HITS"} <= names


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", TABLES)
def test_no_value_is_lost_and_no_line_is_too_long(name: str, width: int) -> None:
    columns = TABLES[name]
    for start in range(len(VALUES)):
        cells = [VALUES[(start + index) % len(VALUES)].strip() for index in range(len(columns))]
        layout = lay_out(columns, [cells], width)
        lines = list(row(cells, layout, NONE))
        whole = [*header(columns, layout), rule(layout), *lines]
        assert max(map(width_of, whole)) <= width
        expected = {index: squeezed(cells[index]) for index in layout.widths}
        assert shown_cells(lines, layout.widths) == expected
        shown = {list(columns)[index] for index in layout.widths}
        assert shown | set(layout.dropped) == set(columns)
        keys = {name for name, column in columns.items() if column.rank == 0}
        assert keys
        assert keys <= shown


@pytest.mark.parametrize("name", TABLES)
def test_the_order_of_dropping_is_declared(name: str) -> None:
    ranks = [column.rank for column in TABLES[name].values() if column.rank]
    assert sorted(ranks) == list(range(1, len(ranks) + 1))


def test_the_highest_rank_is_dropped_first() -> None:
    columns = {"id": KEY, "b": Column(2), "c": Column(1), "d": Column(3)}
    cells = ["k" * 10, "b" * 10, "c" * 10, "d" * 10]
    dropped = [lay_out(columns, [cells], width).dropped for width in (46, 45, 33, 21)]
    assert dropped == [(), ("d",), ("b", "d"), ("b", "c", "d")]


def test_values_of_key_columns_are_not_folded_while_others_can_go() -> None:
    columns = {"ip": KEY, "reason": Column(1, wraps=True)}
    layout = lay_out(columns, [[ADDRESS, "scan of many ports"]], 50)
    assert layout.dropped == ("reason",)
    assert layout.widths == {0: len(ADDRESS)}


def test_text_is_wrapped_before_it_is_dropped() -> None:
    columns = {"id": KEY, "reason": Column(1, wraps=True)}
    lines = table(columns, [["7", "one two three four five"]], 4 + TEXT_MIN)
    assert lines[2:] == ["7   one two three", "    four five"]


def test_key_columns_that_are_too_wide_are_folded() -> None:
    lines = table({"ip": KEY, "why": KEY_TEXT}, [[ADDRESS, "scan"]], 40)
    assert max(map(len, lines)) <= 40
    assert squeezed("".join(lines)).count("cccc") == 1


def test_wide_characters_take_two_columns() -> None:
    assert (width_of("ab"), width_of("世界"), width_of("e\u0301")) == (2, 4, 1)
    assert wrapped("世界世界", 5) == ["世界", "世界"]
    assert wrapped("世界", 1) == ["世", "界"]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 5, [""]),
        ("fits", 4, ["fits"]),
        ("two words", 5, ["two", "words"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("aaaa/bbbb/cc", 8, ["aaaa/", "bbbb/cc"]),
        ("a aaaaaaaaaa", 4, ["a", "aaaa", "aaaa", "aa"]),
    ],
)
def test_text_is_broken_at_blanks_then_behind_punctuation(
    text: str, width: int, lines: list[str]
) -> None:
    assert wrapped(text, width) == lines
