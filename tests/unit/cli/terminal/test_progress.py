"""Progress on stderr: nothing elsewhere, lines without escapes, or a bar."""

from __future__ import annotations

import io

import pytest

from appliance.cli.terminal import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal() -> Terminal:
    """As stderr, of each test itself: pytest sets its own before each phase."""
    return Terminal()


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, **environment: str) -> str:
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("sys.stderr", stream)
    with progress.bar() as bar:
        for done in (1, 2, 3):
            bar.show("sending", done, 4, f"{done} of 4 MiB")
        bar.show("committing", 0, None)
    return stream.getvalue()


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> None:
    assert "\x1b" in shown(monkeypatch, terminal, TERM="xterm")


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}])
def test_a_line_for_each_phase_where_no_escape_may_be_sent(
    monkeypatch: pytest.MonkeyPatch, terminal: Terminal, environment: dict[str, str]
) -> None:
    text = shown(monkeypatch, terminal, **environment)
    assert text == "secbeat: sending 25 % (1 of 4 MiB)\nsecbeat: committing\n"


def test_a_phase_that_takes_long_has_more_lines(
    monkeypatch: pytest.MonkeyPatch, terminal: Terminal
) -> None:
    monkeypatch.setattr(progress, "LINE_S", 0.0)
    assert shown(monkeypatch, terminal, NO_COLOR="1").count("sending") == 3


def test_nothing_is_printed_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO(), TERM="xterm") == ""
