"""Bodies of ``/webhooks``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Timestamp

Name = Annotated[
    str,
    Field(min_length=1, max_length=300, description="name of an endpoint, as in `GET /webhooks`"),
]


class WebhooksQuery(Strict):
    """The number of dead letters in the answer."""

    limit: PageLimit = PAGE_DEFAULT


class EndpointBody(Strict):
    """A receiver. Its path and query are not shown: they may hold a secret."""

    name: str
    url: str
    state: Literal["idle", "delivering", "failing"]
    pending: int
    dead: int
    failures: int
    """Failed attempts since the last success."""
    next_attempt_at: Timestamp | None
    last_success_at: Timestamp | None
    last_error: str | None


class DeadLetterBody(Strict):
    """An event that could not be delivered to a receiver; ``event`` is its id."""

    event: str
    kind: str
    at: Timestamp
    endpoint: str
    attempts: int
    last_at: Timestamp | None
    last_status: int | None
    last_error: str | None


class WebhooksBody(Strict):
    """All receivers, the kinds of events they get, and the newest dead letters."""

    endpoints: list[EndpointBody]
    events: list[str]
    dead: list[DeadLetterBody]
    dead_total: int


class TestRequest(Strict):
    """The receiver of a test; without a name, all receivers."""

    endpoint: Name | None = None


class TestResultBody(Strict):
    """The result of a test; ``status`` is the HTTP status, null: there was no answer."""

    name: str
    url: str
    webhook_id: str
    delivered: bool
    status: int | None
    error: str | None


class TestBody(Strict):
    """The results of a test, one for each receiver."""

    results: list[TestResultBody]


class RetryRequest(Strict):
    """The dead letters to send again; without conditions, all of them."""

    endpoint: Name | None = None
    event: Annotated[str, Field(pattern=r"^evt_[A-Za-z0-9_-]{22}$")] | None = None


class RetryBody(Strict):
    """The number of messages that are due again."""

    retried: int
