"""The lab's errors, and the system's tools with those errors."""

from __future__ import annotations

from appliance import commands
from dataplane.base.errors import SecBeatError


class LabError(SecBeatError):
    """The lab can't do this; the message names the remedy."""

    exit_code = 69


def run(*command: str) -> str:
    """The same as `appliance.commands.run`; raises LabError."""
    try:
        return commands.run(*command)
    except commands.CommandError as exc:
        raise LabError(str(exc)) from exc


def try_run(*command: str) -> bool:
    """Run a tool whose failure is a valid result; returns whether it succeeded."""
    try:
        run(*command)
    except LabError:
        return False
    return True
