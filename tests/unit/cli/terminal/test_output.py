"""On a terminal: tables whose cells can't write to it; elsewhere: lines for cut and awk."""

from __future__ import annotations

import io

import pytest

from appliance.cli.terminal.output import Output
from appliance.cli.terminal.tables import KEY, KEY_TEXT, Column


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


ROW = ("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 7, None, True, "[red]evil\x1b[2J\nline")
COLUMNS = {"ip": KEY, "hits": KEY, "end": KEY, "on": KEY, "why": KEY_TEXT}


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_text_of_a_node_can_not_write_to_the_terminal() -> None:
    stream = Terminal()
    Output(False, stream).table(COLUMNS, [ROW])
    text = stream.getvalue()
    assert ROW[0] in text
    assert "[red]" in text
    assert "\x1b[2J" not in text


def test_columns_without_room_are_named_below_the_table() -> None:
    stream = Terminal()
    columns = {"id": KEY, "end": Column(2), "why": Column(1)}
    Output(False, stream).table(columns, [("7", "e" * 60, "w" * 60)])
    lines = stream.getvalue().splitlines()
    assert lines[2] == f"7   {'w' * 60}"
    assert lines[3] == "not shown: end (--json or a wider terminal shows them)"


def test_pages_have_one_header_where_they_have_the_same_widths() -> None:
    stream = Terminal()
    Output(False, stream).pages({"id": KEY}, [[["1"]], [["2"]], [["3333"]]])
    assert stream.getvalue().count("\x1b[1m") == 2
    assert [line for line in stream.getvalue().splitlines() if line.isdigit()] == ["1", "2", "3333"]


def test_numbers_are_right_aligned_and_words_are_not() -> None:
    stream = Terminal()
    Output(False, stream).table({"hits": KEY, "on": KEY}, [(7, True), (1234, False)])
    assert stream.getvalue().splitlines()[2:] == ["   7  yes", "1234  no"]


def test_two_tables_have_a_line_between_them() -> None:
    stream = Terminal()
    output = Output(False, stream)
    output.table({"id": KEY}, [["1"]])
    output.table({"id": KEY}, [["2"]])
    assert stream.getvalue().splitlines()[3] == ""


def test_elsewhere_a_row_is_a_line_with_tabs() -> None:
    stream = io.StringIO()
    Output(False, stream).table(COLUMNS, [ROW])
    header, row = stream.getvalue().splitlines()
    assert header == "ip\thits\tend\ton\twhy"
    assert row == f"{ROW[0]}\t7\t-\tyes\t[red]evil\\x1b[2J\\nline"


def test_json_is_one_document_in_ascii() -> None:
    stream = Terminal()
    output = Output(True, stream)
    output.document({"reason": "ä\x1b"})
    assert not output.terminal
    assert stream.getvalue() == '{\n  "reason": "\\u00e4\\u001b"\n}\n'


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_no_escape_is_left_in_a_table(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    for is_set in (False, True):
        if is_set:
            monkeypatch.setenv(name, value)
        stream = Terminal()
        Output(False, stream).table({"ip": KEY, "hits": KEY}, [("192.0.2.7", 7)])
        assert ("\x1b" in stream.getvalue()) is not is_set
        assert "192.0.2.7" in stream.getvalue()
