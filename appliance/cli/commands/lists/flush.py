"""``secbeat blacklist flush``: removes entries that meet conditions, after a count and a
question."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Annotated, Any, Literal

import typer

from appliance.cli.client.answers import Answer
from appliance.cli.client.choice import Asked, refuse_for_fleet
from appliance.cli.commands.lists import removals
from appliance.cli.terminal.confirmation import confirm
from appliance.cli.terminal.options import (
    DEFAULT_ORCHESTRATOR,
    DEFAULT_URL,
    FleetOption,
    FleetUrlOption,
    JsonOption,
    KeyFileOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
)
from appliance.cli.terminal.output import Output

ListName = Literal["blacklist", "allowlist"]
_WAIT_S = 60.0

Origin = Annotated[str | None, typer.Option(help="Entries of this origin.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]


def make(app: typer.Typer, name: ListName) -> None:
    """The verb of one list."""

    @app.command(
        "flush",
        help=f"Remove all entries of the {name} that meet every condition; count and ask first.",
    )
    def flush(
        *,
        reason: removals.Reason = None,
        created_by: removals.CreatedBy = None,
        origin: Origin = None,
        yes: Yes = False,
        wait: WaitOption = False,
        timeout: TimeoutOption = _WAIT_S,
        fleet: FleetOption = False,
        orchestrator: FleetUrlOption = DEFAULT_ORCHESTRATOR,
        url: UrlOption = DEFAULT_URL,
        key_file: KeyFileOption = None,
        as_json: JsonOption = False,
    ) -> None:
        given = {"reason": reason, "created_by": created_by, "origin": origin}
        wanted = {key: value for key, value in given.items() if value is not None}
        if not wanted:
            raise typer.BadParameter("give --reason, --created-by or --origin")
        refuse_for_fleet(fleet, origin=origin)
        if not yes and not sys.stdin.isatty():
            raise typer.BadParameter("stdin is no terminal to ask on: confirm with --yes")
        asked, output = Asked.open(fleet, orchestrator, url, key_file), Output(as_json)
        counted = asked.api.post(f"{name}/remove", wanted, {"dry_run": "true"})
        if not counted.body.get("removed"):
            removals.say_many(asked, output, name, _unchanged(counted))
            return
        if not yes:
            _confirm(name, counted.body)
        answer = asked.api.post_long(f"{name}/remove", wanted)
        answer = asked.settle(answer, timeout if wait else None, "lists")
        removals.say_many(asked, output, name, answer)


def _confirm(name: ListName, body: dict[str, Any]) -> None:
    confirm(f"Take {removals.entries_text(body)} off the {name}?")


def _unchanged(counted: Answer) -> Answer:
    """The count of no entry, in the form of the answer to a removal of no entry."""
    state = {"state": "in_force"} if "state" in counted.body else {}  # a fleet's has none
    return replace(counted, body={**counted.body, **state})
