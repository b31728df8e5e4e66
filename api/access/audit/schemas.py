"""Bodies of the audit trail."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Time, Timestamp

Text = Annotated[str, Field(min_length=1, max_length=256, pattern="^[^\\u0000-\\u001f\\u007f]*$")]


class AuditQuery(Strict):
    """A part of the trail: follow ``next_cursor`` until it is null.

    Filters are joined by "and".
    """

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[0-9]{1,18}$")] | None = None
    key: Text | None = None
    """Name of the key."""
    action: Text | None = None
    """An action, or its beginning up to a dot: ``blacklist`` also selects ``blacklist.put``."""
    text: Text | None = None
    """Text within the target, ``before`` or ``after``; the case of ASCII letters is ignored."""
    since: Time | None = None
    until: Time | None = None
    """Changes before this time."""
    sort: Literal["newest", "oldest"] = "newest"


class AuditRow(Strict):
    """One change: who, what, when, from where."""

    id: int
    at: Timestamp
    key: str
    role: str
    source: str
    action: str
    target: str
    revision: int | None
    request_id: str
    before: dict[str, JsonValue] | None
    """The changed object before the change; null: it is new, or the target describes the change."""
    after: dict[str, JsonValue] | None
    """The object after the change; null: it was deleted, or the target describes the change."""


class AuditPage(Strict):
    """A part of the trail; ``total`` counts all rows that meet the filters.

    Null: not counted again for a later page.
    """

    audit: list[AuditRow]
    total: int | None
    next_cursor: str | None
