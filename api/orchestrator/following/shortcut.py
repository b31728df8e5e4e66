"""Answers the question that a thousand nodes ask each second: has anything changed? It has not.

The event loop itself says 304, if all that the answer needs is at hand and fresh: who asks, that
the node may ask, and the tag of its document. Nothing else is decided here. Whatever is not at
hand, and every other answer, goes the whole way (`following.views`), which leaves it at hand.
These answers are counted like all others, and not logged.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from api.access.gate import KeyGate
from api.common.operations import Operation
from api.common.roles import KEY_HEADER
from api.orchestrator.following.service import Following
from api.orchestrator.nodes.identity import FleetKeys
from api.serving.application import PREFIX
from api.serving.bridge import BEGAN_S
from api.serving.streaming import Headers

NOT_MODIFIED = 304
_KEY = f"HTTP_{KEY_HEADER.upper().replace('-', '_')}"


class Shortcut:
    """See `api.serving.bridge.Shortcut`."""

    def __init__(
        self,
        operation: Operation,
        gate: KeyGate,
        keys: FleetKeys,
        following: Following,
        count: Callable[[float, int], None] = lambda _seconds, _status: None,
    ) -> None:
        """`count` is told how long each took, and its status."""
        path = re.escape(PREFIX + operation.path).replace(r"\{node\}", "([^/]+)")
        self._path = re.compile(path)
        self.operation = operation
        self._gate = gate
        self._keys = keys
        self._following = following
        self.count = count

    def __call__(self, environ: Mapping[str, Any]) -> tuple[int, Headers] | None:
        """Status and headers of an answer without a body; None: go the whole way."""
        wanted = environ.get("HTTP_IF_NONE_MATCH")
        if wanted is None or environ["QUERY_STRING"] or environ["REQUEST_METHOD"] != "GET":
            return None
        found = self._path.fullmatch(environ["PATH_INFO"])
        node = None if found is None else found[1]
        if node is None or self._following.tag_at_hand(node) != wanted:
            return None
        principal = self._keys.at_hand(environ.get(_KEY, ""), node)
        if principal is None or not self._gate.may_spend(self.operation, principal):
            return None
        self.count(time.monotonic() - environ[BEGAN_S], NOT_MODIFIED)
        return NOT_MODIFIED, _headers(wanted)


def _headers(tag: str) -> Headers:
    return [
        (b"etag", tag.encode("latin-1")),
        (b"cache-control", b"private, no-cache"),
        (b"x-content-type-options", b"nosniff"),
    ]
