"""On a terminal: tables whose cells can't write to it; elsewhere: lines for cut and awk."""

from __future__ import annotations

import io

import pytest

from appliance.cli.commands.audit import SHOWN
from appliance.cli.commands.lists.entries import SHOWN as LIST_SHOWN
from appliance.cli.terminal.output import Output


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


ROW = ("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", 7, None, True, "[red]evil\x1b[2J\nline")


def test_terminal_gets_a_table_with_the_first_column_whole() -> None:
    stream = Terminal()
    Output(False, stream).table(("ip", "hits", "end", "on", "why"), [ROW])
    text = stream.getvalue()
    assert ROW[0] in text
    assert "[red]" in text
    assert "\x1b[2J" not in text


def test_audit_row_fits_a_terminal_of_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    row = ("2026-11-25T22:14:10.595Z", "admin", "127.0.0.1", "blacklist.put", "198.18.0.0/24")
    stream = Terminal()
    Output(False, stream).table(SHOWN, [row])
    assert [cell for cell in row if cell not in stream.getvalue()] == []


def test_list_row_folds_its_reason_alone_on_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    row = ("2001:db8:aaaa:bb::/64", "in_force", 7, "2026-11-26T00:26:00.656Z", "botnet, " * 9)
    stream = Terminal()
    Output(False, stream).table(LIST_SHOWN, [row])
    assert [cell for cell in row[:4] if str(cell) not in stream.getvalue()] == []


def test_elsewhere_a_row_is_a_line_with_tabs() -> None:
    stream = io.StringIO()
    Output(False, stream).table(("ip", "hits", "end", "on", "why"), [ROW])
    header, row = stream.getvalue().splitlines()
    assert header == "ip\thits\tend\ton\twhy"
    assert row == f"{ROW[0]}\t7\t-\tyes\t[red]evil\\x1b[2J\\nline"


def test_json_is_one_document_in_ascii() -> None:
    stream = Terminal()
    output = Output(True, stream)
    output.document({"reason": "ä\x1b"})
    assert not output.terminal
    assert stream.getvalue() == '{\n  "reason": "\\u00e4\\u001b"\n}\n'


@pytest.mark.parametrize("value", ["1", "yes"])
def test_no_color_leaves_no_escape_in_a_table(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for is_set in (False, True):
        if is_set:
            monkeypatch.setenv("NO_COLOR", value)
        stream = Terminal()
        Output(False, stream).table(("ip", "hits"), [("192.0.2.7", 7)])
        assert ("\x1b" in stream.getvalue()) is not is_set
        assert "192.0.2.7" in stream.getvalue()
