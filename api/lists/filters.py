"""Filters of the entries of a list, for the tables of a node and of the orchestrator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from sqlalchemy import ColumnElement, func

from api.common.contract.schemas import utc_ms
from api.lists.reading import FilterQuery
from api.storage.statements.text import has_text


@dataclass(frozen=True)
class Only:
    """Filters joined by "and"."""

    reason: str | None = None
    created_by: str | None = None
    text: str | None = None
    """Text within reason, creator or origin; the case of ASCII letters is ignored."""
    since_ms: int | None = None
    until_ms: int | None = None

    @classmethod
    def of(cls, query: FilterQuery, **more: Any) -> Self:
        """The filters of a query."""
        return cls(
            reason=query.reason,
            created_by=query.created_by,
            text=query.text,
            since_ms=None if query.since is None else utc_ms(query.since),
            until_ms=None if query.until is None else utc_ms(query.until),
            **more,
        )

    def of_rows(self, row: Any, origin: Any) -> Iterator[ColumnElement[bool]]:
        """The SQL conditions; ``row``: the columns of the table; ``origin``: the origin, in SQL."""
        if self.reason is not None:
            yield row.reason == self.reason
        if self.created_by is not None:
            yield row.created_by == self.created_by
        if self.text is not None:
            said = func.coalesce(row.reason, "") + "\n" + row.created_by + "\n" + origin
            yield has_text(said, self.text)
        if self.since_ms is not None:
            yield row.created_ms >= self.since_ms
        if self.until_ms is not None:
            yield row.created_ms < self.until_ms
