"""What a terminal is sent beside text: nothing at all where NO_COLOR says so (no-color.org)."""

from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console
    from typer.core import TyperOption

HELP_OPTIONS = ("-h", "--help")


def is_plain() -> bool:
    """Whether no escape sequence may be sent, neither colours nor movements of the cursor."""
    return bool(os.environ.get("NO_COLOR"))


def console(stream: IO[str] | None = None, *, stderr: bool = False) -> Console:
    """For tables and progress bars."""
    from rich.console import Console  # noqa: PLC0415 - only a terminal pays for it

    return Console(file=stream, stderr=stderr, force_terminal=False if is_plain() else None)


def prepare_help() -> None:
    """Help and errors that typer prints: flags without the type of their value, no escapes."""
    from typer.core import TyperOption  # noqa: PLC0415 - `secbeat host` needs no typer

    shown = TyperOption.display_type_rich

    def display_type_rich(self: TyperOption, ctx: Any) -> str | None:
        return None if self.is_flag else shown(self, ctx)

    TyperOption.display_type_rich = display_type_rich  # type: ignore[method-assign]
    if is_plain():
        from typer import rich_utils  # noqa: PLC0415 - only who asks for it pays

        rich_utils.FORCE_TERMINAL = False
