"""Queries and answers of ``/events``."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Timestamp
from api.management.attacks.schemas import ID

Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Incident = Annotated[str, Field(pattern=ID)]


class StreamQuery(Strict):
    """Which events: of a kind, of an attack, or all."""

    kind: Kind | None = None
    incident: Incident | None = None


class EventsQuery(StreamQuery):
    """And where the page begins; newest first."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern=r"^[0-9]{1,18}$")] | None = None


class EventBody(Strict):
    """Something that has happened. ``data`` depends on the kind: it is what a webhook carries."""

    sequence: int
    """Grows by time, and is never given twice."""
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
