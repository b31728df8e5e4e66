"""Answers, in the event loop, a heartbeat that has new figures and no other change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from pydantic import ValidationError

from api.common.contract.operations import JSON, to_text
from api.common.contract.schemas import rfc3339
from api.orchestrator.nodes.heartbeats.service import Heartbeats
from api.orchestrator.nodes.schemas import Heartbeat, HeartbeatAnswer
from api.orchestrator.shortcuts import Door
from api.serving.bridge import Answered, Reading

BYTES_MAX = 16_384
"""Size limit; a heartbeat without incidents has about 1 KB."""
_OTHERS = ("HTTP_TRANSFER_ENCODING", "HTTP_EXPECT", "HTTP_CONTENT_ENCODING")
"""Headers that only the normal path supports."""

_LENGTH = re.compile("[0-9]{1,5}", re.ASCII)


class FiguresAlone:
    """See `api.orchestrator.shortcuts`."""

    def __init__(self, door: Door, heartbeats: Heartbeats) -> None:
        self.door = door
        self._heartbeats = heartbeats

    def __call__(self, environ: Mapping[str, Any]) -> Reading | None:
        """Accepts a small JSON body of a node that is cached."""
        node = self.door.node(environ)
        if node is None or not _is_plain(environ):
            return None
        principal = self.door.admit(environ, node)
        if principal is None:
            return None
        return Reading(principal, BYTES_MAX, partial(self._decide, environ, node))

    def _decide(self, environ: Mapping[str, Any], node: str, body: bytes) -> Answered | None:
        """Decide about the body; the normal path reports errors in it."""
        try:
            sent = Heartbeat.model_validate_json(body)
        except ValidationError:
            return None
        at_ms = self._heartbeats.take_at_hand(node, sent)
        if at_ms is None:
            return None
        text = to_text(HeartbeatAnswer(at=rfc3339(at_ms), acknowledged=[])).encode()
        headers = [
            (b"content-type", JSON.encode()),
            (b"content-length", b"%d" % len(text)),
            (b"cache-control", b"no-store"),
        ]
        return self.door.answered(environ, 200, headers, text)


def _is_plain(environ: Mapping[str, Any]) -> bool:
    length = environ.get("CONTENT_LENGTH", "")
    is_small = _LENGTH.fullmatch(length) is not None and int(length) <= BYTES_MAX
    is_json = environ.get("CONTENT_TYPE") == JSON
    return is_small and is_json and not any(name in environ for name in _OTHERS)
