"""The desired state of each node, cached in every worker.

A thousand nodes ask once a second, and nearly always nothing has changed. So a worker reads the
fleet's change number (`api.orchestrator.changes`) at most every `FRESH_S`, reads the desired state
again only when the number has grown, and makes the document of a node on request.
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
"""Reads, in one transaction, the data from which some fields of `DesiredBody` follow for each
node's id; the returned function needs no database."""


@dataclass(frozen=True)
class _State:
    """The state at one change."""

    change: int
    epoch: str
    desired: Mapping[str, str]
    """Fields by node."""
    parts: Sequence[Callable[[str], Mapping[str, Any]]]
    tags: dict[str, str] = field(default_factory=dict)
    """The tags of documents that were requested, by node."""

    def document(self, node: str) -> DesiredBody:
        state = self.desired.get(node)
        if state is None:
            raise NotFoundError(f"there is no node {node!r}")
        fields: dict[str, Any] = {"epoch": self.epoch, "state": state}
        for part in self.parts:
            fields |= part(node)
        return DesiredBody(**fields)


class Following:
    """The cache; safe for the threads of one worker."""

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
        """The document of a node, at most `FRESH_S` old. Raises `NotFoundError`."""
        with self._lock:
            state = self._state
            # A node that has just enrolled asks at once.
            if state is None or node not in state.desired or not self._is_fresh():
                state = self._refresh()
        found = state.document(node)
        state.tags[node] = entity_tag(to_text(found).encode())
        return found

    def newest(self, node: str) -> DesiredBody:
        """The present document of a node. Raises `NotFoundError`."""
        with self._lock:
            return self._refresh().document(node)

    def newest_of_all(self) -> Callable[[str], DesiredBody | None]:
        """The present document of every node, by id; None: there is no such node."""
        with self._lock:
            state = self._refresh()
        return lambda node: state.document(node) if node in state.desired else None

    def tag_at_hand(self, node: str) -> str | None:
        """The tag of the node's present document; None: the document has to be made first."""
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
