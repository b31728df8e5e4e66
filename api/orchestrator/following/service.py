"""What each node is to enforce, kept ready in every worker.

A thousand nodes ask once a second, and nearly always nothing has changed. So a worker reads the
fleet's change number (`api.orchestrator.changes`) at most every `FRESH_S` and makes the documents
again only when that has grown.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from api.common.errors import NotFoundError
from api.orchestrator import changes
from api.orchestrator.database.tables.nodes import nodes
from api.orchestrator.following.schemas import DesiredBody
from api.storage.database import Database

FRESH_S = 0.2

Part = Callable[[Connection], Callable[[str], Mapping[str, Any]]]
"""Reads, in one transaction, what gives for each node's id some fields of `DesiredBody`."""


class Following:
    """For the threads of one worker."""

    def __init__(self, database: Database, parts: Sequence[Part]) -> None:
        self._database = database
        self._parts = tuple(parts)
        self._lock = threading.Lock()
        self._change = -1
        self._read_s = -FRESH_S
        self._documents: dict[str, DesiredBody] = {}

    def desired(self, node: str) -> DesiredBody:
        """At most `FRESH_S` old. Raises `NotFoundError`."""
        with self._lock:
            if time.monotonic() - self._read_s >= FRESH_S:
                self._refresh()
            found = self._documents.get(node)
        if found is None:
            raise NotFoundError(f"there is no node {node!r}")
        return found

    def _refresh(self) -> None:
        began_s = time.monotonic()
        with self._database.read() as connection:
            change = changes.newest(connection)
            if change != self._change:
                self._documents = self._read(connection)
                self._change = change
        self._read_s = began_s

    def _read(self, connection: Connection) -> dict[str, DesiredBody]:
        epoch = changes.epoch(connection)
        parts = [part(connection) for part in self._parts]
        found = {}
        for row in connection.execute(select(nodes.c.id, nodes.c.desired)):
            fields: dict[str, Any] = {"epoch": epoch, "state": row.desired}
            for part in parts:
                fields |= part(row.id)
            found[row.id] = DesiredBody(**fields)
        return found
