"""The tree of all commands, read from their declarations; imports every module of the commands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from appliance.cli.app import app
from appliance.cli.commands import host
from appliance.cli.lazy import LazyCommand
from appliance.cli.terminal.apps import HELP_OPTIONS, built
from appliance.defaults import CONFIG_FILE

PROGRAM = "secbeat"


@dataclass(frozen=True)
class Parameter:
    """An option or an argument of a command."""

    names: tuple[str, ...]
    """``("-h", "--help")``; empty for an argument."""
    shown: str
    """In the form of the help: ``--limit N``, ``FILE``."""
    help: str
    values: int
    """Number of words of the command line that are its value; 0 for a flag."""
    choices: tuple[str, ...] = ()
    takes_file: bool = False
    is_required: bool = False


@dataclass(frozen=True)
class Command:
    """A command or a group of commands."""

    path: tuple[str, ...]
    """Without the program's name: ``("blacklist", "list")``; empty for the root."""
    summary: str
    """One line, without the full stop."""
    description: str
    parameters: tuple[Parameter, ...]
    commands: tuple[Command, ...]

    @property
    def options(self) -> tuple[Parameter, ...]:
        """The parameters that are options."""
        return tuple(one for one in self.parameters if one.names)

    @property
    def arguments(self) -> tuple[Parameter, ...]:
        """The parameters that are arguments."""
        return tuple(one for one in self.parameters if not one.names)

    def walk(self) -> Iterator[Command]:
        """This command, then all below it."""
        yield self
        for one in self.commands:
            yield from one.walk()


def read_tree() -> Command:
    """The root with everything below it."""
    return _of_typer(built(app), (), "")


def _of_typer(command: Any, path: tuple[str, ...], summary: str) -> Command:
    if isinstance(command, LazyCommand):
        summary = summary or str(command.help)
        if path == ("host",):
            return _of_host(summary)
        command = command.load()
    context = command.context_class(
        command, info_name=" ".join((PROGRAM, *path)), help_option_names=list(HELP_OPTIONS)
    )
    text = " ".join(str(command.help or "").split())
    below = getattr(command, "commands", {})
    return Command(
        path=path,
        summary=_one_line(summary or command.get_short_help_str(limit=200)),
        description=text,
        parameters=tuple(
            _parameter(one, context) for one in command.get_params(context) if not one.hidden
        ),
        commands=tuple(_of_typer(one, (*path, name), "") for name, one in below.items()),
    )


def _parameter(found: Any, context: Any) -> Parameter:
    shown, text = found.get_help_record(context)
    is_option = found.param_type_name == "option"
    kind = found.type_descriptor
    return Parameter(
        names=(*found.opts, *found.secondary_opts) if is_option else (),
        shown=shown,
        help=" ".join(text.split()),
        values=0 if is_option and found.is_flag else abs(found.nargs),
        choices=tuple(map(str, kind.choices or ())),
        takes_file=_is_path(kind) or "FILE" in (found.metavar or ""),
        is_required=found.required,
    )


def _is_path(kind: Any) -> bool:
    return kind.is_path or Path in get_args(kind.annotation)


def _of_host(summary: str) -> Command:
    """The commands of ``secbeat host``, which has a parser of its own, because that imports
    less."""
    path = ("host",)
    asked = Parameter(HELP_OPTIONS, ", ".join(HELP_OPTIONS), "Show this message and exit.", 0)
    verbs = tuple(
        Command(
            path=(*path, name),
            summary=_one_line(str(function.__doc__)),
            description=str(function.__doc__),
            parameters=(*map(_host_option, (*options, "json")), asked),
            commands=(),
        )
        for name, (function, options) in host.COMMANDS.items()
    )
    return Command(path, _one_line(summary), host.DESCRIPTION, (asked,), verbs)


def _host_option(name: str) -> Parameter:
    if name == "config":
        text = host.CONFIG_HELP % {"default": CONFIG_FILE}
        return Parameter((f"--{name}",), f"--{name} FILE", text, 1, takes_file=True)
    return Parameter((f"--{name}",), f"--{name}", host.SWITCHES[name], 0)


def _one_line(text: str) -> str:
    return " ".join(text.split()).removesuffix(".")
