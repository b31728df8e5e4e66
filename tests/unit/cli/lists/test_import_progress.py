"""The bar of an import: what was sent, then what the node says that it does with it."""

from __future__ import annotations

import io
from typing import Any

import pytest

from appliance.cli.client.keyfile import Key
from appliance.cli.client.node_api import NodeApi
from appliance.cli.commands.lists import progress
from tests.support.waiting import wait_for
from tests.unit.cli.conftest import KEY

CHANGE = {"request_id": "mine", "phase": "writing", "done": 412_000, "of": 1_000_000}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr(progress, "POLL_S", 0.01)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (CHANGE, "committing"),
        (CHANGE, "412,000 of 1,000,000 networks"),
        ({**CHANGE, "phase": "checking", "done": 1 << 20, "of": 3 << 20}, "1.0 of 3.0 MiB"),
        ({**CHANGE, "phase": "publishing", "of": None}, "putting in force"),
        ({**CHANGE, "request_id": "another's"}, "the API is at work"),
        (None, "the API is at work"),
    ],
)
def test_what_the_node_says_is_drawn(
    change: dict[str, Any] | None,
    text: str,
    api: Any,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", terminal)  # here: pytest sets its own before each phase
    api.answers_with(200, {"bulk": change})
    with progress.shown(NodeApi(api.url, Key(KEY, "$MANAGEMENT_API_KEY")), "mine", 10) as sent:
        sent(10)
        wait_for(lambda: text in terminal.getvalue(), text)
    assert {each.path for each in api.requests} == {"/api/v1/lists/bulk"}


def test_an_api_that_does_not_know_of_it_is_shown_as_busy(
    api: Any, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr", terminal)
    api.answers_with(404, {"detail": "no such path"})
    with progress.shown(NodeApi(api.url, Key(KEY, "$MANAGEMENT_API_KEY")), "mine", 10) as sent:
        sent(10)
        wait_for(lambda: "the API is at work" in terminal.getvalue(), "the bar")


def test_nothing_is_asked_before_all_is_sent_or_without_a_terminal(api: Any) -> None:
    with progress.shown(NodeApi(api.url, Key(KEY, "$MANAGEMENT_API_KEY")), "mine", 10) as sent:
        sent(10)
    assert api.requests == []
