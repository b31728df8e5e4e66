"""``/webhooks``: asked of the agent, on its control socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from api.common.line_protocol import ask
from api.common.operations import Answer, Call, Operation
from api.common.roles import Role
from api.management.webhooks.schemas import (
    RetryBody,
    RetryRequest,
    TestBody,
    TestRequest,
    WebhooksBody,
    WebhooksQuery,
)

_ASK_S = 5.0
_TEST_S = 15.0


def operations(agent: Path) -> list[Operation]:
    """What can be done with webhooks; ``agent``: its control socket."""

    def listed(call: Call) -> Answer:
        found = _ask("list", _ASK_S, limit=call.query.limit)
        return Answer(200, WebhooksBody.model_validate(found))

    def test(call: Call) -> Answer:
        found = _ask("test", _TEST_S, **call.body.model_dump())
        return Answer(200, TestBody.model_validate(found))

    def retry(call: Call) -> Answer:
        found = _ask("retry", _ASK_S, **call.body.model_dump())
        return Answer(200, RetryBody.model_validate(found))

    def _ask(action: str, timeout_s: float, **what: Any) -> dict[str, Any]:
        return ask(agent, {"do": f"webhooks.{action}", **what}, timeout_s)

    return [
        Operation(
            "GET",
            "/webhooks",
            listed,
            "Receivers of events, what waits for them, and what could not be delivered",
            Role.READ,
            {200: WebhooksBody},
            query=WebhooksQuery,
            errors=(503,),
        ),
        Operation(
            "POST",
            "/webhooks/test",
            test,
            "Send receivers a test at once, and say how it went",
            Role.OPERATE,
            {200: TestBody},
            body=TestRequest,
            errors=(404, 503),
        ),
        Operation(
            "POST",
            "/webhooks/retry",
            retry,
            "Send what could not be delivered again",
            Role.OPERATE,
            {200: RetryBody},
            body=RetryRequest,
            errors=(404, 503),
        ),
    ]
