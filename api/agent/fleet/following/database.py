"""Remembers which database of this node holds the fleet's state: after a restore it may be lost."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from api.agent.node_api import NodeApi
from api.common.disk import StorageError
from api.common.files import write_private


class NodeDatabase:
    """The database id for one part, kept in a file of its own."""

    def __init__(self, node: NodeApi, file: Path) -> None:
        self._node = node
        self._file = file

    def remember(self) -> int:
        """Store the node's newest revision: the part was applied to the database that the node has
        now.

        Raises RequestError.
        """
        status = self._node.request("GET", "status")
        database = str(status["database_id"])
        if database != self._known():
            with suppress(StorageError):  # a replaced database is rarer than a full disk
                write_private(self._file, json.dumps({"database_id": database}) + "\n")
        return int(status["revision"]["committed"])

    def is_lost(self) -> bool:
        """Whether the node has another database now. Raises RequestError."""
        known = self._known()
        return known is not None and known != self._node.request("GET", "status")["database_id"]

    def _known(self) -> str | None:
        try:
            return str(json.loads(self._file.read_bytes())["database_id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
