"""Webhooks of this node: the agent delivers them, and answers requests on its control socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.common.line_protocol import ask

_ASK_S = 5.0
_TEST_S = 15.0


class AgentOffice:
    """See `api.webhooks.views.Deliverer`."""

    def __init__(self, agent: Path) -> None:
        """``agent``: its control socket."""
        self._agent = agent

    def listed(self, dead_max: int) -> dict[str, Any]:
        """Receivers and dead letters."""
        return self._ask("list", _ASK_S, limit=dead_max)

    def test(self, name: str | None) -> list[dict[str, Any]]:
        """The results of tests."""
        found: list[dict[str, Any]] = self._ask("test", _TEST_S, endpoint=name)["results"]
        return found

    def retry(self, name: str | None, event_id: str | None) -> int:
        """The number of deliveries that are due again."""
        return int(self._ask("retry", _ASK_S, endpoint=name, event=event_id)["retried"])

    def _ask(self, action: str, timeout_s: float, **what: Any) -> dict[str, Any]:
        return ask(self._agent, {"do": f"webhooks.{action}", **what}, timeout_s)
