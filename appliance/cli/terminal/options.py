"""The options that commands share, as annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

DEFAULT_URL = "http://127.0.0.1:9999"
DEFAULT_ORCHESTRATOR = "http://127.0.0.1:3030"


def only_with_fleet(context: typer.Context, option: typer.CallbackParam, value: Any) -> Any:
    """The value of an option that needs ``--fleet``; raises `typer.BadParameter` without it.

    A value of the environment is accepted, and then has no effect.
    """
    if _is_given(context, option) and not context.params.get("fleet"):
        raise typer.BadParameter("only with --fleet; without it the request goes to a node")
    return value


def only_without_fleet(context: typer.Context, option: typer.CallbackParam, value: Any) -> Any:
    """The value of an option that has no effect with ``--fleet``; raises `typer.BadParameter`
    with it."""
    if _is_given(context, option) and context.params.get("fleet"):
        raise typer.BadParameter("not with --fleet, which sends the request to the orchestrator")
    return value


def _is_given(context: typer.Context, option: typer.CallbackParam) -> bool:
    source = context.get_parameter_source(str(option.name))
    return source is not None and source.name == "COMMANDLINE"


JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")
]
UrlOption = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="SECBEAT_URL",
        metavar="URL",
        callback=only_without_fleet,
        help="The node's management API.",
    ),
]
KeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File with the API key. Else $SECBEAT_API_KEY, $MANAGEMENT_API_KEY, or the key file "
        "of a node or lab on this host.",
    ),
]
OrchestratorOption = Annotated[
    str,
    typer.Option(
        "--orchestrator",
        envvar="SECBEAT_ORCHESTRATOR",
        metavar="URL",
        help="The orchestrator API of the fleet.",
    ),
]
FleetKeyFileOption = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File with the orchestrator's API key. Else $ORCHESTRATOR_API_KEY, or the key file of "
        "an orchestrator or lab on this host.",
    ),
]
FleetOption = Annotated[
    bool,
    typer.Option(
        "--fleet",
        is_eager=True,  # the callbacks of other options read it
        help="Send the request to the fleet's orchestrator, not to a node.",
    ),
]
FleetUrlOption = Annotated[
    str,
    typer.Option(
        "--orchestrator",
        envvar="SECBEAT_ORCHESTRATOR",
        metavar="URL",
        callback=only_with_fleet,
        help="With --fleet: the orchestrator API.",
    ),
]
SinceOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only rows from this time on: 2026-11-08T10:30:00Z."),
]
UntilOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Only rows before this time: 2026-11-08T10:30:00Z."),
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Return when the change is in force, or after --timeout.")
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", min=0.1, metavar="SECONDS", help="Maximum waiting time.")
]
