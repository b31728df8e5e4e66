"""Queries and answers of ``/events``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Timestamp
from api.management.attacks.schemas import ID

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Incident = Annotated[str, Field(pattern=ID)]


class StreamQuery(Strict):
    """A filter of events, by kind and by attack."""

    kind: Kind | None = None
    incident: Incident | None = None


class EventsQuery(StreamQuery):
    """A filter of events, and the position of the page; newest first."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class EventBody(Strict):
    """One event. ``data`` depends on the kind; a webhook sends the same."""

    sequence: int
    """Increases with time; a number is never used twice."""
    id: str
    kind: str
    at: Timestamp
    incident: str | None
    data: dict[str, Any]


class EventsPage(Strict):
    """Events, newest first."""

    events: list[EventBody]
    total: int
    next_cursor: str | None
