"""Bodies of the audit trail."""

from __future__ import annotations

from api.common.schemas import Strict, Timestamp


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
