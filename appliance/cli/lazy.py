"""A command group that imports a command when it is run: help and ``version`` start at once."""
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from appliance.cli.terminal.apps import built, single_command


class LazyCommand(TyperCommand):
    """Stands in help for a command that is defined in another module.

    ``target`` is ``module:name`` of a ``typer.Typer`` or of a function with typer's annotations.
    """

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name=name, help=summary)
        self._target = target

    def load(self) -> Any:
        """The real command."""
        module, _, name = self._target.partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            app = single_command()
            app.command(name=self.name, help=found.__doc__)(found)
            found = app
        command = built(found)
        command.name = self.name
        return command


class LazyGroup(TyperGroup):
    """A group whose lazy members are loaded when they are resolved, and only then."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """The same as ``TyperGroup``, with the stand-in replaced by the real command."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest
