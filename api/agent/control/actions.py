"""The requests that the agent's control socket accepts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from api.agent.control.server import Action, Question
from api.agent.webhooks.office import Office
from api.webhooks import secret

DEAD_SHOWN = 100


def actions(office: Office, reasons: Callable[[], list[str]]) -> dict[str, Action]:
    """Actions by name; each takes a request and returns the answer as JSON.

    ``reasons``: why the agent degrades the node.
    """

    def status(_question: Question) -> dict[str, Any]:
        return {"reasons": reasons()}

    def listed(question: Question) -> dict[str, Any]:
        return office.listed(int(question.get("limit", DEAD_SHOWN)))

    def retry(question: Question) -> dict[str, Any]:
        found = office.retry(_text(question, "endpoint"), _text(question, "event"))
        return {"retried": found}

    def test(question: Question) -> dict[str, Any]:
        return {"results": office.test(_text(question, "endpoint"))}

    def shown(_question: Question) -> dict[str, Any]:
        return {"secret": secret.encode(office.key())}

    return {
        "status": status,
        "webhooks.list": listed,
        "webhooks.retry": retry,
        "webhooks.test": test,
        "webhooks.secret": shown,
    }


def _text(question: Question, name: str) -> str | None:
    value = question.get(name)
    return None if value is None else str(value)
