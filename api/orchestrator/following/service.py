"""What each node is to enforce, kept ready in every worker.

A thousand nodes ask once a second, and nearly always nothing has changed. So a worker reads the
fleet's change number (`api.orchestrator.changes`) at most every `FRESH_S`, reads what there is anew
only when that has grown, and makes a node's document when the node asks for it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select

from api.common.contract.errors import NotFoundError
from api.common.contract.operations import entity_tag, to_text
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.following.schemas import DesiredBody
from api.storage.database import Database

FRESH_S = 0.2

Part = Callable[[Connection], Callable[[str], Mapping[str, Any]]]
"""Reads, in one transaction, what gives for each node's id some fields of `DesiredBody`; what it
returns needs no database."""


@dataclass(frozen=True)
class _State:
    """All of one change."""

    change: int
    epoch: str
    desired: Mapping[str, str]
    """By node."""
    parts: Sequence[Callable[[str], Mapping[str, Any]]]
    tags: dict[str, str] = field(default_factory=dict)
    """Of the documents that were asked for, by node."""

    def document(self, node: str) -> DesiredBody:
        state = self.desired.get(node)
        if state is None:
            raise NotFoundError(f"there is no node {node!r}")
        fields: dict[str, Any] = {"epoch": self.epoch, "state": state}
        for part in self.parts:
            fields |= part(node)
        return DesiredBody(**fields)


class Following:
    """For the threads of one worker."""

    def __init__(
        self,
        database: Database,
        parts: Sequence[Part],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._parts = tuple(parts)
        self._clock = clock
        self._lock = threading.Lock()
        self._state: _State | None = None
        self._read_s = -FRESH_S

    def desired(self, node: str) -> DesiredBody:
        """At most `FRESH_S` old. Raises `NotFoundError`."""
        with self._lock:
            state = self._state
            # A node that has just enrolled asks at once.
            if state is None or node not in state.desired or not self._is_fresh():
                state = self._refresh()
        found = state.document(node)
        state.tags[node] = entity_tag(to_text(found).encode())
        return found

    def newest(self, node: str) -> DesiredBody:
        """The same, as of now. Raises `NotFoundError`."""
        with self._lock:
            return self._refresh().document(node)

    def newest_of_all(self) -> Callable[[str], DesiredBody | None]:
        """The same of every node; None: there is no such node."""
        with self._lock:
            state = self._refresh()
        return lambda node: state.document(node) if node in state.desired else None

    def tag_at_hand(self, node: str) -> str | None:
        """The tag of what the node would be answered now; None: that has to be made first."""
        state = self._state
        return state.tags.get(node) if state is not None and self._is_fresh() else None

    def _is_fresh(self) -> bool:
        return self._clock() - self._read_s < FRESH_S

    def _refresh(self) -> _State:
        began_s, state = self._clock(), self._state
        with self._database.peek() as connection:
            change = changes.newest(connection)
        if state is None or change != state.change:
            with self._database.read() as connection:
                state = self._state = self._read(connection)
        self._read_s = began_s
        return state

    def _read(self, connection: Connection) -> _State:
        rows = connection.execute(select(nodes.c.id, nodes.c.desired))
        return _State(
            changes.newest(connection),
            changes.epoch(connection),
            {row.id: row.desired for row in rows},
            [part(connection) for part in self._parts],
        )
