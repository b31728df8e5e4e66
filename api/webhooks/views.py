"""``/webhooks``, of a node and of a fleet. A `Deliverer` answers."""

from __future__ import annotations

from typing import Any, Protocol

from api.common.contract.operations import Answer, Call, Operation
from api.common.contract.roles import Role
from api.webhooks.schemas import (
    RetryBody,
    RetryRequest,
    TestBody,
    TestRequest,
    WebhooksBody,
    WebhooksQuery,
)


class Deliverer(Protocol):
    """Delivers webhooks: in this process, or the agent."""

    def listed(self, dead_max: int) -> dict[str, Any]:
        """Receivers and the newest dead letters, as a `WebhooksBody` has them."""
        ...

    def test(self, name: str | None) -> list[dict[str, Any]]:
        """Send receivers a test; returns the results. Raises `NotFoundError`."""
        ...

    def retry(self, name: str | None, event_id: str | None) -> int:
        """Send dead letters again; returns how many. Raises `NotFoundError`."""
        ...


def operations(deliverer: Deliverer) -> list[Operation]:
    """The operations on webhooks."""

    def listed(call: Call) -> Answer:
        return Answer(200, WebhooksBody.model_validate(deliverer.listed(call.query.limit)))

    def test(call: Call) -> Answer:
        found = deliverer.test(call.body.endpoint)
        return Answer(200, TestBody.model_validate({"results": found}))

    def retry(call: Call) -> Answer:
        return Answer(200, RetryBody(retried=deliverer.retry(call.body.endpoint, call.body.event)))

    return [
        Operation(
            "GET",
            "/webhooks",
            listed,
            "Receivers of events, pending messages, and undelivered messages",
            Role.READ,
            {200: WebhooksBody},
            query=WebhooksQuery,
            errors=(503,),
        ),
        Operation(
            "POST",
            "/webhooks/test",
            test,
            "Send receivers a test at once, and show the result",
            Role.OPERATE,
            {200: TestBody},
            body=TestRequest,
            errors=(404, 503),
        ),
        Operation(
            "POST",
            "/webhooks/retry",
            retry,
            "Send undelivered messages again",
            Role.OPERATE,
            {200: RetryBody},
            body=RetryRequest,
            errors=(404, 503),
        ),
    ]
