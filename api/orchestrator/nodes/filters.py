"""Filters of nodes."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement

from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.nodes.status import sql_status
from api.orchestrator.selector import Selector
from api.storage.statements.text import has_text


@dataclass(frozen=True)
class Filter:
    """Conditions joined by "and"; None: no condition."""

    status: str | None = None
    mode: str | None = None
    labels: Selector | None = None
    text: str | None = None
    """Text within the id or address; the case of ASCII letters is ignored."""

    def conditions(self, now_ms: int) -> list[ColumnElement[bool]]:
        """The conditions for a query on `nodes`."""
        found: list[ColumnElement[bool]] = []
        if self.status is not None:
            found.append(sql_status(now_ms) == self.status)
        if self.mode is not None:
            found.append(nodes.c.mode == self.mode)
        if self.labels is not None:
            found += of_labels(self.labels)
        if self.text is not None:
            found.append(has_text(nodes.c.id, self.text) | has_text(nodes.c.address, self.text))
        return found


def of_labels(selector: Selector) -> list[ColumnElement[bool]]:
    """`Selector.matches` as a condition for a query on `nodes`."""
    return [
        nodes.c.labels[label].as_string().in_(sorted(values))
        for label, values in selector.terms.items()
    ]
