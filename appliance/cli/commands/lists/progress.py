"""How far an import is, on stderr of a terminal: what was sent, then what the node does with it.

The node says that itself (``GET /lists/bulk``), once a second, by the id of the request. An API
that does not say is shown as busy.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from appliance.cli.client.node_api import NodeApi
from appliance.cli.terminal.plain import console
from dataplane.base.errors import SecBeatError

POLL_S = 1.0
_SENDING = "sending"
_PHASES = {"checking": "checking", "writing": "committing", "publishing": "putting in force"}


@contextmanager
def shown(api: NodeApi, request_id: str, size: int) -> Iterator[Callable[[int], None]]:
    """A bar while the block runs; the function that is given is told how many bytes were sent."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import (  # noqa: PLC0415 - only a terminal pays for it
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        bar = _Bar(progress, size)
        with _watched(api, request_id, bar):
            yield bar.sent


class _Bar:
    """Draws one phase after the other."""

    def __init__(self, progress: Any, size: int) -> None:
        self._progress, self._size = progress, size
        self._task = progress.add_task(_SENDING, total=size, count="")
        self.is_sent = False

    def sent(self, count: int) -> None:
        """So many bytes in all."""
        self.is_sent = count >= self._size
        self._draw(_SENDING, count, self._size, "MiB")

    def change(self, change: dict[str, Any] | None) -> None:
        """What the node says of it; None: nothing."""
        if change is None:
            self._draw("the API is at work", 0, None, "")
            return
        phase, of = str(change.get("phase")), change.get("of")
        unit = "MiB" if phase == "checking" else "networks"
        self._draw(_PHASES.get(phase, phase), int(change.get("done") or 0), of, unit)

    def _draw(self, what: str, done: int, of: int | None, unit: str) -> None:
        count = "" if of is None else f"{_amount(done, unit)} of {_amount(of, unit)} {unit}"
        self._progress.update(
            self._task, description=what, completed=done, total=of, count=count, refresh=False
        )


def _amount(count: int, unit: str) -> str:
    return f"{count / (1 << 20):.1f}" if unit == "MiB" else f"{count:,}"


@contextmanager
def _watched(api: NodeApi, request_id: str, bar: _Bar) -> Iterator[None]:
    """Asks beside the request, over a connection of its own."""
    done = threading.Event()

    def watch() -> None:
        asked = api.another(patience_s=0)
        while not done.wait(POLL_S):
            if bar.is_sent:
                bar.change(_of(asked, request_id))

    thread = threading.Thread(target=watch, name="import-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()


def _of(api: NodeApi, request_id: str) -> dict[str, Any] | None:
    try:
        body = api.get("lists/bulk").body
    except SecBeatError:
        return None
    change = body.get("bulk") if isinstance(body, dict) else None
    is_mine = isinstance(change, dict) and change.get("request_id") == request_id
    return change if is_mine else None
