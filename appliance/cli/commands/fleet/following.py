"""Follows a deployment to its end, with a table of its nodes on a terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from appliance.cli.client.fleet_api import FleetApi
from appliance.cli.client.problems import RefusedError, TryLaterError
from appliance.cli.terminal.output import Output, clean

POLL_S = 0.5
ROWS_MAX = 20
"""Nodes that the table shows, those that are not done first; and of those that reject it."""
_GOES_ON = {"canary", "rolling"}
_STANDS = {"done", "confirming"}
Deployment = dict[str, Any]


def follow(api: FleetApi, number: int, timeout_s: float, output: Output) -> Deployment:
    """The deployment when nothing happens by itself any more: done, or to be confirmed.

    Raises:
        RefusedError: it was withdrawn or superseded, or a node has rejected it.
        TryLaterError: it still goes on after ``timeout_s``.
    """
    until = time.monotonic() + timeout_s
    with _shown(output) as show:
        while True:
            found = look(api, number)
            show(found)
            if found["state"] not in _GOES_ON:
                return _judged(api, found)
            if time.monotonic() >= until:
                state = counted(found)
                raise TryLaterError(f"deployment {number} goes on after {timeout_s:g} s: {state}")
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
        nodes = api.get(f"deployments/{number}", query).body["nodes"]
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
        return
    from rich.live import Live  # noqa: PLC0415 - only a terminal pays for it

    with Live(auto_refresh=False, transient=True) as live:
        yield lambda found: live.update(_table(found), refresh=True)


def _table(found: Deployment) -> Any:
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=Text(clean(counted(found))))
    for column in ("node", "state", "message"):
        table.add_column(column)
    rows = sorted(found["nodes"], key=lambda each: (each["state"] == "applied", each["node"]))
    for row in rows[:ROWS_MAX]:
        cells = (row["node"], row["state"], row["message"] or "-")
        table.add_row(*(Text(clean(cell)) for cell in cells))
    return table
