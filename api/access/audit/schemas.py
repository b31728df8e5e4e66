"""Bodies of the audit trail."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.common.contract.schemas import PAGE_DEFAULT, PageLimit, Strict, Timestamp


class AuditQuery(Strict):
    """Which part of the trail: follow ``next_cursor`` until it is null."""

    limit: PageLimit = PAGE_DEFAULT
    cursor: Annotated[str, Field(pattern="^[0-9]{1,18}$")] | None = None


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


class AuditPage(Strict):
    """A part of the trail, newest first; ``total`` counts all rows."""

    audit: list[AuditRow]
    total: int
    next_cursor: str | None
