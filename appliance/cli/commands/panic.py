"""``secbeat panic``: stops mitigation for a time, if it affects legitimate traffic."""

from __future__ import annotations

from typing import Annotated

import typer

from appliance.cli.client.answers import Answer
from appliance.cli.client.changes import say, say_unchanged, settle
from appliance.cli.client.node_api import NodeApi
from appliance.cli.terminal.durations import parse_duration
from appliance.cli.terminal.options import (
    DEFAULT_URL,
    JsonOption,
    KeyFileOption,
    TimeoutOption,
    UrlOption,
    WaitOption,
)
from appliance.cli.terminal.output import Output

DEFAULT = "30m"
WAIT_S = 10.0


def panic(  # noqa: PLR0917 - one parameter for each option of the command
    duration: Annotated[
        int,
        typer.Option(
            "--for", parser=parse_duration, metavar="DURATION", help="Duration, at most a day."
        ),
    ] = DEFAULT,  # type: ignore[assignment]  # typer parses a default too
    reason: Annotated[
        str | None, typer.Option(help="Reason, for the audit trail and other operators.")
    ] = None,
    off: Annotated[bool, typer.Option("--off", help="End panic mode now.")] = False,
    wait: WaitOption = False,
    timeout: TimeoutOption = WAIT_S,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Switch every profile to monitor mode at once, for a time: only packets that the node can't
    forward are dropped."""
    api, output = NodeApi.open(url, key_file), Output(as_json)
    if off:
        state = api.get("panic")
        if not state.body["active"]:
            _say_already_off(output, state)
            return
        answer = api.delete("panic")
    else:
        answer = api.post("panic", {"duration_seconds": duration, "reason": reason})
    answer = settle(api, answer, timeout if wait else None)
    if as_json:
        output.document(answer.body or {"active": False})
    elif off:
        say(output, "panic mode is off", answer)
    else:
        say(
            output,
            f"panic mode is on: all profiles are in monitor until {answer.body['until']}",
            answer,
        )


def _say_already_off(output: Output, state: Answer) -> None:
    if output.as_json:
        output.document({"active": False})
    else:
        say_unchanged(output, "panic mode is off", state)
