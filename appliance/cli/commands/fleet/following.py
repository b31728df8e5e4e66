"""Follows a deployment to its end, with a table of its nodes on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.outlasting import outlast
from appliance.cli.client.problems import RefusedError, TryLaterError
from appliance.cli.terminal.output import Output, clean
from appliance.cli.terminal.plain import console, is_plain
from appliance.cli.terminal.tables import KEY, Column, Columns, table, wrapped

POLL_S = 0.5
ROWS_MAX = 20
"""Nodes in the table, unfinished ones first; and rejecting nodes that are named."""
_COLUMNS: Columns = {"node": KEY, "state": KEY, "message": Column(1, wraps=True)}
_GOES_ON = {"canary", "rolling"}
_STANDS = {"done", "confirming"}
Deployment = dict[str, Any]


def follow(api: FleetApi, number: int, timeout_s: float, output: Output) -> Deployment:
    """Wait until no automatic step is left: done, or to be confirmed. Returns the deployment.

    Raises:
        RefusedError: it was withdrawn or superseded, or a node has rejected it.
        TryLaterError: it is not over after ``timeout_s``, or the orchestrator does not answer then.
    """
    until = time.monotonic() + timeout_s
    goes_on = f"deployment {number} goes on after {timeout_s:g} s"
    with _shown(output) as show:
        while True:
            found = outlast(partial(look, api, number), goes_on, until - time.monotonic())
            show(found)
            if found["state"] not in _GOES_ON:
                return _judged(api, found)
            if time.monotonic() >= until:
                raise TryLaterError(f"{goes_on}: {counted(found)}")
            time.sleep(POLL_S)


def look(api: FleetApi, number: int) -> Deployment:
    """A deployment with its first nodes."""
    found: Deployment = api.get(f"deployments/{number}").body
    return found


def counted(found: Deployment) -> str:
    """``rolling (applied 2, pending 1)``."""
    counts = ", ".join(f"{state} {count}" for state, count in sorted(found["counts"].items()))
    return f"{found['state']} ({counts or 'no nodes'})"


def _judged(api: FleetApi, found: Deployment) -> Deployment:
    number = found["id"]
    if found["state"] not in _STANDS:
        raise RefusedError(f"deployment {number} is {found['state']}: {found['reason']}")
    if count := found["counts"].get("rejected"):
        query: dict[str, str | int | None] = {"state": "rejected", "limit": ROWS_MAX}
        ask = partial(api.get, f"deployments/{number}", query)
        nodes = outlast(ask, f"deployment {number}: {count} nodes rejected it").body["nodes"]
        said = "\n".join(f"{one['node']}: {clean(one['message'] or '-')}" for one in nodes)
        if count > len(nodes):
            all_of_them = f"secbeat fleet deployments show {number} --state rejected"
            said += f"\nand {count - len(nodes)} more: {all_of_them}"
        total = sum(found["counts"].values())
        raise RefusedError(f"deployment {number}: {count} of {total} nodes rejected it: {said}")
    return found


@contextmanager
def _shown(output: Output) -> Iterator[Callable[[Deployment], None]]:
    if not output.terminal:
        yield lambda _found: None
    elif is_plain():
        yield _Lines(output).show
    else:
        from rich.live import Live  # noqa: PLC0415 - only a terminal pays for it
        from rich.text import Text  # noqa: PLC0415

        screen = console()
        with Live(console=screen, auto_refresh=False, transient=True) as live:
            yield lambda found: live.update(
                Text("\n".join(_table(found, screen.width)), no_wrap=True), refresh=True
            )


class _Lines:
    """Prints a line whenever the counts have changed."""

    def __init__(self, output: Output) -> None:
        self._output, self._last = output, ""

    def show(self, found: Deployment) -> None:
        """Print the counts, if they are new."""
        if (line := counted(found)) != self._last:
            self._output.line(line)
        self._last = line


def _table(found: Deployment, width: int) -> list[str]:
    rows = sorted(found["nodes"], key=lambda each: (each["state"] == "applied", each["node"]))
    cells = [[clean(row[name] or "-") for name in _COLUMNS] for row in rows[:ROWS_MAX]]
    return [*wrapped(clean(counted(found)), width), "", *table(_COLUMNS, cells, width)]
