"""The state of the agent, for the node's status; asked at intervals, with a short time limit.

One late answer may be due to a busy machine: the agent counts as away after a second late one, two
seconds later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from api.common.contract.errors import ApiError
from api.common.line_protocol import ask

AWAY = "agent_away"
"""Reason of a degraded node: events are not recorded and reported, and attacks get no response."""
ASK_S = 0.2
KEPT_S = 2.0


class AgentSight:
    """Asks on the agent's control socket; an answer is valid for two seconds."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._due_s = -KEPT_S
        self._late_s: float | None = None
        self._reasons: tuple[str, ...] = ()

    def reasons(self) -> tuple[str, ...]:
        """The reasons of the agent for a degraded node; empty: there are none."""
        if self._clock() >= self._due_s and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._reasons

    def _look(self) -> None:
        now_s = self._clock()
        found, is_late = self._ask()
        since_s = now_s if self._late_s is None else self._late_s
        self._late_s = since_s if is_late else None
        if is_late and now_s - since_s < KEPT_S:
            return  # the next request asks again
        self._reasons, self._due_s = found, now_s + KEPT_S

    def _ask(self) -> tuple[tuple[str, ...], bool]:
        """Reasons, and whether there was no answer in time, which is not a reason yet."""
        try:
            found = ask(self._path, {"do": "status"}, ASK_S).get("reasons")
        except ApiError as error:
            return (AWAY,), isinstance(error.__cause__, (TimeoutError, BlockingIOError))
        return (tuple(map(str, found)) if isinstance(found, list) else (AWAY,)), False
