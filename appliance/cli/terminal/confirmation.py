"""The question before a command that can't be undone."""

from __future__ import annotations

import sys

import typer

from appliance.cli.exits import Exit
from appliance.cli.terminal.output import warn


def confirm(question: str) -> None:
    """Ask on stderr, and return if the answer is yes.

    Raises `typer.Exit`: with 1 after any other answer, with 130 after Ctrl-C or Ctrl-D.
    """
    try:
        print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = ""
    if not answer:
        print(file=sys.stderr)
    elif answer.strip().lower() in {"y", "yes"}:
        return
    warn("nothing is changed")
    raise typer.Exit(Exit.REFUSED if answer else Exit.INTERRUPTED)
