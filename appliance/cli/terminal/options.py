"""The options that commands share, as annotations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_URL = "http://127.0.0.1:9999"
DEFAULT_ORCHESTRATOR = "http://127.0.0.1:3030"

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document on stdout.")
]
UrlOption = Annotated[
    str,
    typer.Option("--url", envvar="SECBEAT_URL", metavar="URL", help="The node's management API."),
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
    typer.Option("--fleet", help="Send the request to the fleet's orchestrator, not to a node."),
]
FleetUrlOption = Annotated[
    str,
    typer.Option(
        "--orchestrator",
        envvar="SECBEAT_ORCHESTRATOR",
        metavar="URL",
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
