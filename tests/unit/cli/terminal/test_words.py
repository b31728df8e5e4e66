"""What stands where on a command line."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from appliance.cli.words import with_json_last
from tests.support.terminals import on_terminal


@pytest.mark.parametrize(
    ("words", "parsed"),
    [
        ("--json status", "status --json"),
        ("--json blacklist list", "blacklist list --json"),
        ("blacklist --json list --limit 5", "blacklist list --limit 5 --json"),
        ("blacklist list --limit 5 --json", "blacklist list --limit 5 --json"),
        ("blacklist add 192.0.2.7 --reason --json", "blacklist add 192.0.2.7 --reason --json"),
        ("--json rules add -- -x", "rules add --json -- -x"),
        ("status", "status"),
        ("", ""),
    ],
)
def test_json_may_stand_before_the_noun(words: str, parsed: str) -> None:
    assert with_json_last(words.split()) == parsed.split()


@pytest.mark.parametrize("words", ["--json version", "version --json"])
def test_both_places_print_json(secbeat: Any, words: str) -> None:
    assert list(secbeat(*words.split()).json) == ["version"]


@pytest.mark.parametrize(
    "words", ["-h", "status -h", "blacklist -h", "blacklist list -h", "--help"]
)
def test_help_is_short_too_and_flags_have_no_type(secbeat: Any, words: str) -> None:
    done = secbeat(*words.split())
    assert (done.code, "Usage: secbeat" in done.out) == (0, True)
    assert "<bool>" not in done.out


@pytest.mark.parametrize("more", [{"NO_COLOR": "1", "TERM": "xterm-256color"}, {"TERM": "dumb"}])
@pytest.mark.parametrize("words", [["--help"], ["reasons", "land"], ["no-such-command"]])
def test_no_escape_is_left_on_a_terminal(words: list[str], more: dict[str, str]) -> None:
    """Of help, of a table and of a mistake."""
    command = [sys.executable, "-m", "appliance.cli.main", *words]
    _, shown = on_terminal(command, 100, more)
    assert shown
    assert "\x1b" not in shown, json.dumps(shown)


def test_help_imports_nothing_that_takes_long() -> None:
    """What draws, what validates, and what reads the metadata of packages."""
    code = (
        "import sys; from appliance.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "slow = {'rich', 'pydantic', 'requests', 'importlib.metadata'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")
