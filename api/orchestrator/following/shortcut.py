"""Answers the question that a thousand nodes ask each second: has anything changed? It has not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.orchestrator.following.service import Following
from api.orchestrator.shortcuts import Door
from api.serving.bridge import Answered

NOT_MODIFIED = 304


class Unchanged:
    """See `api.orchestrator.shortcuts`."""

    def __init__(self, door: Door, following: Following) -> None:
        self.door = door
        self._following = following

    def __call__(self, environ: Mapping[str, Any]) -> Answered | None:
        """304, if the tag of the node's document is the one that it has."""
        wanted = environ.get("HTTP_IF_NONE_MATCH")
        node = None if wanted is None else self.door.node(environ)
        if wanted is None or node is None or self._following.tag_at_hand(node) != wanted:
            return None
        if self.door.admit(environ, node) is None:
            return None
        headers = [(b"etag", wanted.encode("latin-1")), (b"cache-control", b"private, no-cache")]
        return self.door.answered(environ, NOT_MODIFIED, headers)
