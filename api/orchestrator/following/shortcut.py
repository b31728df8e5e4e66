"""Answers 304 in the event loop when a node asks for changes and there are none."""

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
        """304 if the node has the present document, by its tag; else None."""
        wanted = environ.get("HTTP_IF_NONE_MATCH")
        node = None if wanted is None else self.door.node(environ)
        if wanted is None or node is None or self._following.tag_at_hand(node) != wanted:
            return None
        if self.door.admit(environ, node) is None:
            return None
        headers = [(b"etag", wanted.encode("latin-1")), (b"cache-control", b"private, no-cache")]
        return self.door.answered(environ, NOT_MODIFIED, headers)
