"""Completion scripts, in the shells themselves."""

from __future__ import annotations

import os
import pty
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.cli.reference.shells import SHELLS, Shell, script
from appliance.cli.reference.tree import Command

TRY = """
compopt() { COMPREPLY=(file names); }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_secbeat
echo "${COMPREPLY[*]}"
"""


@pytest.fixture
def bash(tree: Command, tmp_path: Path) -> Path:
    file = tmp_path / "secbeat"
    file.write_text(script("bash", tree))
    return file


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("bl", "blacklist"),
        ("blacklist fl", "flush"),
        ("fleet deployments ca", "cancel"),
        ("host pre", "prepare"),
        ("blacklist list --so", "--sort"),
        ("blacklist list --sort n", "newest"),
        ("blacklist list --sort = n", "newest"),
        ("--json blacklist list --lim", "--limit"),
        ("blacklist list --origin list --sor", "--sort"),
        ("blacklist list --url http : //192.0.2.1 --key-f", "--key-file"),
        ("blacklist import ", "file names"),
        ("policy apply ", "file names"),
        ("keys list --key-file ", "file names"),
        ("blacklist show ", "--fleet --orchestrator --url --key-file --json --help -h"),
        ("blacklist list --limit ", ""),
        ("completion ", "bash zsh fish"),
        ("countries build --tor a ", "file names"),
        ("countries build --tor a b --mm", "--mmdb"),
    ],
)
def test_bash_completes(bash: Path, words: str, completed: str) -> None:
    command = ["bash", "-c", f"source {bash}\n{TRY}", "bash", "secbeat", *words.split(" ")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert sorted(done.stdout.split()) == sorted(completed.split())
    assert done.stderr == ""


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(ours)


def test_tab_completes_a_noun_and_an_option_in_bash(bash: Path, terminal: tuple[int, int]) -> None:
    """At the prompt of an interactive bash, which calls a function in the place of secbeat."""
    ours, theirs = terminal
    process = subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "PS1": "> "},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        os.write(ours, f'source {bash}; secbeat() {{ echo got: "$@" end; }}\n'.encode())
        os.write(ours, b"secbeat blackl\tlis\t--sor\tnew\t\n")
        seen = b""
        while b"got: blacklist list --sort newest end" not in seen:
            seen += os.read(ours, 65_536)
        os.write(ours, b"exit\n")
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shutil.which(shell)])
def test_a_shell_that_is_installed_accepts_its_script(
    tree: Command, tmp_path: Path, shell: Shell
) -> None:
    file = tmp_path / "script"
    file.write_text(script(shell, tree))
    done = subprocess.run([shell, "-n", file], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_script_has_all_nouns_and_options(tree: Command, shell: Shell) -> None:
    text = script(shell, tree)
    for one in tree.walk():
        for word in (*one.path, *(name for each in one.options for name in each.names)):
            assert word in text


def test_the_command_prints_a_script(tree: Command, secbeat: Any) -> None:
    assert secbeat("completion", "bash").out == script("bash", tree)
    assert secbeat("--json", "completion", "zsh").json == {
        "shell": "zsh",
        "script": script("zsh", tree),
    }
    assert secbeat("completion", "tcsh").code == 2
