"""How the agent is, for the node's status: asked now and then, never waited for long.

Who is late once may be on a busy machine: it is away when it is late again, two seconds later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from api.common.contract.errors import ApiError
from api.common.line_protocol import ask

AWAY = "agent_away"
"""Reason: nobody records events, tells of them, or bans for an attack."""
ASK_S = 0.2
KEPT_S = 2.0


class AgentSight:
    """Asks on the agent's control socket; an answer holds for two seconds."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._due_s = -KEPT_S
        self._late_s: float | None = None
        self._reasons: tuple[str, ...] = ()

    def reasons(self) -> tuple[str, ...]:
        """Why the node is degraded, as far as the agent goes; empty: it is well."""
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
        """Reasons, and whether there was no answer in time, which is not yet one of them."""
        try:
            found = ask(self._path, {"do": "status"}, ASK_S).get("reasons")
        except ApiError as error:
            return (AWAY,), isinstance(error.__cause__, (TimeoutError, BlockingIOError))
        return (tuple(map(str, found)) if isinstance(found, list) else (AWAY,)), False
