"""What stands where on a command line."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.words import with_json_last

TREE = Path(__file__).parents[4]


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


@pytest.mark.parametrize("words", [["--help"], ["reasons", "land"], ["no-such-command"]])
def test_no_color_leaves_no_escape_on_a_terminal(words: list[str]) -> None:
    """Of help, of a table and of a mistake."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "NO_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "100"}
    subprocess.run(
        [sys.executable, "-m", "appliance.cli.main", *words],
        cwd=TREE,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        timeout=120,
        check=False,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert shown
    assert b"\x1b" not in shown, json.dumps(shown.decode())
