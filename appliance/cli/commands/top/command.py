"""``secbeat top``: rates, heaviest sources and attacks, updated repeatedly, or once."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Annotated

import typer

from appliance.cli.client.node_api import NodeApi
from appliance.cli.client.problems import RefusedError
from appliance.cli.commands.top.poll import Poll, document, poll, rates
from appliance.cli.commands.top.view import HEIGHT_MIN, WIDTH_MIN, lines
from appliance.cli.terminal.options import DEFAULT_URL, JsonOption, KeyFileOption, UrlOption
from appliance.cli.terminal.output import Output, clean
from appliance.cli.terminal.plain import console, is_plain

INTERVAL_S = 2.0
ONCE_S = 1.0


def top(
    *,
    once: Annotated[
        bool, typer.Option("--once", help="Print one screen with the rates of one second.")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            min=0.2,
            max=60,
            metavar="SECONDS",
            help="Seconds between two samples; default: 2, with --once 1.",
        ),
    ] = None,
    url: UrlOption = DEFAULT_URL,
    key_file: KeyFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show rates by verdict and reason, heaviest sources and targets, and attacks, until Ctrl-C."""
    output = Output(as_json)
    if as_json and not once:
        raise typer.BadParameter("--json needs --once")
    if not (once or output.terminal):
        raise typer.BadParameter("stdout is not a terminal: use --once")
    api = NodeApi.open(url, key_file)
    if once:
        _print(api, output, interval or ONCE_S)
    else:
        _watch(api, interval or INTERVAL_S)


def _print(api: NodeApi, output: Output, interval_s: float) -> None:
    before = poll(api)
    time.sleep(interval_s)
    now = poll(api)
    found = rates(before, now)
    if output.as_json:
        output.document(document(found, now))
        return
    for line in lines(now, found, (WIDTH_MIN, HEIGHT_MIN)):
        output.line(line.rstrip())


def _watch(api: NodeApi, interval_s: float) -> None:
    with suppress(KeyboardInterrupt), _screen() as show:
        before: Poll | None = None
        while True:
            try:
                now = poll(api)
            except RefusedError as error:  # the error is shown, and the next poll tries again
                before, shown = None, [clean(str(error)), "", "asking again"]
            else:
                shown = lines(now, rates(before, now), _size())
                before = now
            show(shown)
            time.sleep(interval_s)


@contextmanager
def _screen() -> Iterator[Callable[[Sequence[str]], None]]:
    """Shows each screen in the place of the one before; without escape sequences, below it."""
    if is_plain():
        yield _print_below
        return
    from rich.live import Live  # noqa: PLC0415 - only a terminal pays for it
    from rich.text import Text  # noqa: PLC0415

    def text(shown: Sequence[str]) -> Text:
        return Text("\n".join(shown), no_wrap=True)

    first = text(["asking the API ..."])
    with Live(first, console=console(), screen=True, auto_refresh=False, transient=True) as live:
        yield lambda shown: live.update(text(shown), refresh=True)


def _print_below(shown: Sequence[str]) -> None:
    for line in (time.strftime("%H:%M:%S"), *shown, ""):
        print(line.rstrip())
    sys.stdout.flush()


def _size() -> tuple[int, int]:
    found = shutil.get_terminal_size((WIDTH_MIN, HEIGHT_MIN))
    return found.columns, found.lines
