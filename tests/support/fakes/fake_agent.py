"""An agent that answers on its control socket, and has one receiver of webhooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from api.agent.control.server import ControlServer
from api.common.contract.errors import NotFoundError

NAME = "1:hooks.example"
LISTED = {
    "endpoints": [
        {
            "name": NAME,
            "url": "https://hooks.example",
            "state": "failing",
            "pending": 2,
            "dead": 1,
            "failures": 3,
            "next_attempt_at": "2026-01-01T00:00:04.000Z",
            "last_success_at": None,
            "last_error": "HTTP 500: Internal Server Error",
        }
    ],
    "events": ["attack_detected"],
    "dead": [
        {
            "event": "evt_0000000000000000000000",
            "kind": "attack_detected",
            "at": "2026-01-01T00:00:00.000Z",
            "endpoint": NAME,
            "attempts": 16,
            "last_at": "2026-01-01T04:00:00.000Z",
            "last_status": 500,
            "last_error": "HTTP 500: Internal Server Error",
        }
    ],
    "dead_total": 1,
}
RESULT = {
    "name": NAME,
    "url": "https://hooks.example",
    "webhook_id": "evt_0000000000000000000001",
    "delivered": False,
    "status": None,
    "error": "no answer within 10 s",
}


@contextmanager
def answering(path: Path) -> Iterator[list[Mapping[str, Any]]]:
    """Run an agent that listens at ``path`` during the block; yields the requests that it got."""
    asked: list[Mapping[str, Any]] = []

    def keep(answer: dict[str, Any]) -> Any:
        def act(question: Mapping[str, Any]) -> dict[str, Any]:
            if question["do"] != "status":
                asked.append(question)
            if question.get("endpoint") not in {None, NAME}:
                raise NotFoundError(f"there is no endpoint {question['endpoint']!r}")
            return answer

        return act

    actions = {
        "status": keep({"reasons": []}),
        "webhooks.list": keep(LISTED),
        "webhooks.test": keep({"results": [RESULT]}),
        "webhooks.retry": keep({"retried": 1}),
        "webhooks.secret": keep({"secret": "whsec_shown"}),
    }
    server = ControlServer(path, actions)
    server.start()
    try:
        yield asked
    finally:
        server.close()
