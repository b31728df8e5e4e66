"""A result that can't be written is one line on stderr and an exit code, for every command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ENTRY = {"ip": "192.0.2.7", "origin": "manual", "reason": "Müller ✓", "hits": 0, "state": "applied"}
FULL = "secbeat: stdout can't be written: No space left on device\n"
CLOSED = "secbeat: stdout can't be written: Bad file descriptor\n"
LOCAL = [
    ["--help"],
    ["--version"],
    ["completion", "bash"],
    ["reasons", "--json"],
    ["rules", "starter"],
    ["host", "--help"],
]
OF_THE_API = [
    ["status"],
    ["status", "--json"],
    ["blacklist", "list", "--all"],
    ["blacklist", "list", "--all", "--json"],
    ["rules", "export"],
    ["attacks", "pcap", "attack_1", "-"],
]
MADE = {"id": "3", "name": "x", "role": "read", "key": "secret", "token": "secret"}


@pytest.fixture
def unread() -> Iterator[str]:
    """A redirection of stdout to a pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    os.set_inheritable(writer, True)
    yield f">&{writer}"
    os.close(writer)


def ended(words: list[str], redirection: str, url: str = "", **variables: str) -> tuple[int, str]:
    """Exit code of a command in a shell with a redirection or pipe, and its stderr."""
    command = [sys.executable, "-m", "appliance.cli.main", *words]
    script = f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}'
    environment = {**os.environ, "SECBEAT_URL": url, "SECBEAT_ORCHESTRATOR": url, **variables}
    environment |= {"SECBEAT_API_KEY": "k", "ORCHESTRATOR_API_KEY": "k"}
    done = subprocess.run(
        ["bash", "-c", script, "bash", *command],
        env=environment,
        close_fds=False,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stderr + done.stdout


@pytest.mark.parametrize("words", LOCAL, ids=" ".join)
def test_a_full_disk_is_one_line_and_74(words: list[str]) -> None:
    assert ended(words, ">/dev/full") == (74, FULL)


@pytest.mark.parametrize("words", OF_THE_API, ids=" ".join)
def test_so_it_is_for_what_an_api_has_answered(words: list[str], api: Any) -> None:
    page = {"health": "healthy", "blacklist": [ENTRY], "rules": [ENTRY], "total": 1}
    api.answers_with(200, page)
    assert ended(words, ">/dev/full", api.url) == (74, FULL)


@pytest.mark.parametrize("words", [LOCAL[0], LOCAL[3], LOCAL[5]], ids=" ".join)
def test_a_closed_stdout_is_one_line_and_74(words: list[str]) -> None:
    assert ended(words, ">&-") == (74, CLOSED)


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_has_enough_ends_the_command_in_silence(unbuffered: str, unread: str) -> None:
    assert ended(["reasons"], unread, PYTHONUNBUFFERED=unbuffered) == (141, "")


def test_messages_that_can_not_be_written_are_lost_and_nothing_else() -> None:
    assert ended(["no-such-command"], "2>/dev/full") == (2, "")
    assert ended(["no-such-command"], "2>&-") == (2, "")
    assert ended(["no-such-command"], "<&- >&- 2>&-") == (2, "")


def test_a_closed_stdin_is_empty(api: Any) -> None:
    code, text = ended(["blacklist", "import", "-"], "<&-", api.url)
    assert (code, "0 bytes" in text) == (2, True)


def test_a_closed_stderr_does_not_write_messages_to_the_result(api: Any) -> None:
    api.answers_with(201, MADE)
    words = ["keys", "create", "x", "--role", "read"]
    assert ended(words, "2>&-", api.url) == (0, "secret\n")
    assert ended(words, "2>/dev/full", api.url) == (0, "secret\n")


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_characters_without_a_place_in_the_encoding_are_escaped(encoding: str, api: Any) -> None:
    api.answers_with(200, {"blacklist": [ENTRY], "total": 1})
    code, text = ended(
        ["blacklist", "list"], "| iconv -f latin1 -t utf-8", api.url, PYTHONIOENCODING=encoding
    )
    reason = "Müller \\u2713" if encoding == "latin-1" else "M\\xfcller \\u2713"
    assert (code, reason in text) == (0, True)


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["keys", "create", "x", "--role", "read"], "key 3 .*: secbeat keys delete 3"),
        (["keys", "create", "x", "--role", "read", "--json"], "key 3 .*: secbeat keys delete 3"),
        (["fleet", "tokens", "create", "x"], "token 3 .*: secbeat fleet tokens delete 3"),
    ],
)
def test_a_key_whose_text_is_lost_is_named(
    words: list[str], remedy: str, unread: str, api: Any
) -> None:
    api.answers_with(201, MADE)
    for where, expected in ((">/dev/full", 74), (unread, 141)):
        code, text = ended(words, where, api.url)
        assert (code, bool(re.search(remedy, text))) == (expected, True)


def test_a_file_that_can_not_be_written(api: Any, secbeat: Any, tmp_path: Path) -> None:
    api.answers_with(200, {"rules": [ENTRY], "total": 1, "next_cursor": None})
    (tmp_path / "full").symlink_to("/dev/full")
    done = secbeat("rules", "export", tmp_path / "full")
    assert done.code == 74
    assert done.err == f"secbeat: {tmp_path}/full: can't be written: No space left on device\n"
