"""``secbeat completion``: a script that makes a shell complete commands and options."""

from __future__ import annotations

from typing import Annotated

import typer

from appliance.cli.reference.shells import Shell, script
from appliance.cli.terminal.options import JsonOption
from appliance.cli.terminal.output import Output


def completion(
    shell: Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    as_json: JsonOption = False,
) -> None:
    """Print the completion script of a shell.

    For this session, in bash: source <(secbeat completion bash).
    """
    from appliance.cli.reference.tree import read_tree  # noqa: PLC0415 - it reads this command too

    text = script(shell, read_tree())
    output = Output(as_json)
    if as_json:
        output.document({"shell": shell, "script": text})
    else:
        typer.echo(text, nl=False)
