"""What the API asks of the agent, on its control socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from api.common.errors import ApiError
from api.common.line_protocol import ask

AWAY = "agent_away"
"""Reason: nobody records events, tells of them, or bans for an attack."""
ASK_S = 0.2
KEPT_S = 2.0
_OFFICE_S = 5.0
_TEST_S = 15.0


class AgentSight:
    """How the agent is, for the node's status: never waited for long, holds for two seconds."""

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


class AgentOffice:
    """What delivers webhooks: see `api.webhooks.views.Deliverer`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def listed(self, dead_max: int) -> dict[str, Any]:
        """Receivers and dead letters."""
        return self._ask("list", _OFFICE_S, limit=dead_max)

    def test(self, name: str | None) -> list[dict[str, Any]]:
        """How tests went."""
        found: list[dict[str, Any]] = self._ask("test", _TEST_S, endpoint=name)["results"]
        return found

    def retry(self, name: str | None, event_id: str | None) -> int:
        """How many are due again."""
        return int(self._ask("retry", _OFFICE_S, endpoint=name, event=event_id)["retried"])

    def _ask(self, action: str, timeout_s: float, **what: Any) -> dict[str, Any]:
        return ask(self._path, {"do": f"webhooks.{action}", **what}, timeout_s)
