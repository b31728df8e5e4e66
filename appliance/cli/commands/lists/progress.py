"""The progress of an import, on stderr of a terminal: the sent part, then the node's own progress.

The node reports its progress (``GET /lists/bulk``), by the id of the request; this module asks once
a second. An API without this operation is shown as busy.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from appliance.cli.client.node_api import NodeApi
from appliance.cli.terminal.progress import Bar, bar
from dataplane.base.errors import SecBeatError

POLL_S = 1.0
_SENDING = "sending"
_PHASES = {"checking": "checking", "writing": "committing", "publishing": "putting in force"}


@contextmanager
def shown(api: NodeApi, request_id: str, size: int) -> Iterator[Callable[[int], None]]:
    """Shows a bar while the block runs; the yielded function takes the number of sent bytes."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with bar() as drawn:
        phases = _Phases(drawn, size)
        with _watched(api, request_id, phases):
            yield phases.sent


class _Phases:
    """Shows one phase after the other."""

    def __init__(self, drawn: Bar, size: int) -> None:
        self._bar, self._size = drawn, size
        self.is_sent = False

    def sent(self, count: int) -> None:
        """Show the total number of sent bytes."""
        self.is_sent = count >= self._size
        self._show(_SENDING, count, self._size, "MiB")

    def change(self, change: dict[str, Any] | None) -> None:
        """Show the progress reported by the node; None: there is none."""
        if change is None:
            self._show("the API is at work", 0, None, "")
            return
        phase, of = str(change.get("phase")), change.get("of")
        unit = "MiB" if phase == "checking" else "networks"
        self._show(_PHASES.get(phase, phase), int(change.get("done") or 0), of, unit)

    def _show(self, what: str, done: int, of: int | None, unit: str) -> None:
        count = "" if of is None else f"{_amount(done, unit)} of {_amount(of, unit)} {unit}"
        self._bar.show(what, done, of, count)


def _amount(count: int, unit: str) -> str:
    return f"{count / (1 << 20):.1f}" if unit == "MiB" else f"{count:,}"


@contextmanager
def _watched(api: NodeApi, request_id: str, phases: _Phases) -> Iterator[None]:
    """Asks for the progress during the request, over a connection of its own."""
    done = threading.Event()

    def watch() -> None:
        asked = api.another(patience_s=0)
        while not done.wait(POLL_S):
            if phases.is_sent:
                phases.change(_of(asked, request_id))

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
