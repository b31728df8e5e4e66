"""Groups of commands for typer, all with the same settings.

Help and usage errors are plain text: the boxes that typer draws with rich would take 40 % of the
time of ``secbeat --help``, and they contain escape sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from appliance.cli.terminal.values import name_values

HELP_OPTIONS = ("-h", "--help")


def command_group(cls: type[TyperGroup] = TyperGroup) -> typer.Typer:
    """A group that shows its help when no command is named."""
    return typer.Typer(
        cls=cls,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


def single_command() -> typer.Typer:
    """The arguments with which a command that is no group is registered."""
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def built(app: typer.Typer) -> Any:
    """The command of an app, with names of values in its help."""
    command = get_command(app)
    name_values(command)
    return command


def run(app: typer.Typer, words: Sequence[str]) -> Any:
    """Run a command line; always ends in SystemExit, or raises the errors of the command."""
    return built(app)(list(words), prog_name="secbeat", help_option_names=list(HELP_OPTIONS))
