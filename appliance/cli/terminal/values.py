"""Names of values in help and man pages: ``--limit N``, where typer shows ``<int range>``."""

from __future__ import annotations

from typing import Any

from typer.core import TyperArgument


def name_values(command: Any) -> None:
    """Name the values of all options and arguments of a command, and of the commands below it.

    A metavar of the declaration stays. Otherwise choices are listed, and a number is N, a path is
    FILE, and any other value has the name of its option or argument.
    """
    for one in command.params:
        if isinstance(one, TyperArgument):
            one.metavar = one.metavar or one.name.upper()
            one.display_type_rich = _nothing  # type: ignore[method-assign]
        elif not one.is_flag:
            one.metavar = one.metavar or _name(one)
    for one in getattr(command, "commands", {}).values():
        name_values(one)


def _name(option: Any) -> str:
    kind = option.type_descriptor
    if kind.choices:
        return "|".join(map(str, kind.choices))
    if kind.is_path:
        return "FILE"
    is_number = kind.annotation in {int, float}
    return "N" if is_number else option.name.removesuffix("_").upper()


def _nothing(ctx: Any) -> None:
    """In place of the type of an argument."""
