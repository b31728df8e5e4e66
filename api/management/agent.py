"""How the agent is, for the node's status: asked now and then, never waited for long."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from api.common.errors import ApiError
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
        self._reasons: tuple[str, ...] = (AWAY,)

    def reasons(self) -> tuple[str, ...]:
        """Why the node is degraded, as far as the agent goes; empty: it is well."""
        if self._clock() >= self._due_s and self._lock.acquire(blocking=False):
            try:
                self._reasons = self._ask()
                self._due_s = self._clock() + KEPT_S
            finally:
                self._lock.release()
        return self._reasons

    def _ask(self) -> tuple[str, ...]:
        try:
            found = ask(self._path, {"do": "status"}, ASK_S).get("reasons")
        except ApiError:
            return (AWAY,)
        return tuple(map(str, found)) if isinstance(found, list) else (AWAY,)
