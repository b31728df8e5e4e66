"""Answers from the event loop: the two frequent requests of all nodes, without a thread.

A shortcut answers only if all data is cached and recent; it never waits and never refuses. All
other requests take the normal path, which fills the cache. These answers are counted like all
others, but not logged.
"""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from api.access.gate import KeyGate
from api.common.contract.operations import Operation
from api.common.contract.roles import KEY_HEADER, Principal
from api.orchestrator.nodes.identity import FleetKeys
from api.serving.application import PREFIX
from api.serving.bridge import BEGAN_S, Answered, Reading, Shortcut

_KEY = f"HTTP_{KEY_HEADER.upper().replace('-', '_')}"
_REQUEST_ID = "HTTP_X_REQUEST_ID"


class Door:
    """One operation of nodes, called with their own keys."""

    def __init__(self, operation: Operation, gate: KeyGate, keys: FleetKeys) -> None:
        path = re.escape(PREFIX + operation.path).replace(r"\{node\}", "([^/]+)")
        self._path = re.compile(path)
        self.operation = operation
        self._gate = gate
        self._keys = keys
        self.count: Callable[[float, int], None] = lambda _seconds, _status: None
        """Called with the duration and the status of each answer."""

    def node(self, environ: Mapping[str, Any]) -> str | None:
        """The node in the path of this operation; None: it is another request."""
        if environ["REQUEST_METHOD"] != self.operation.method or environ["QUERY_STRING"]:
            return None
        if _REQUEST_ID in environ:  # which has to be checked and returned
            return None
        found = self._path.fullmatch(environ["PATH_INFO"])
        return None if found is None else found[1]

    def admit(self, environ: Mapping[str, Any], node: str) -> Principal | None:
        """The node if its key is valid and its rate allows; the request counts against
        its limit."""
        principal = self._keys.at_hand(environ.get(_KEY, ""), node)
        if principal is None or not self._gate.may_spend(self.operation, principal):
            return None
        return principal

    def answered(
        self,
        environ: Mapping[str, Any],
        status: int,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes = b"",
    ) -> Answered:
        """Make and count an answer."""
        self.count(time.monotonic() - environ[BEGAN_S], status)
        request_id = uuid.uuid4().hex.encode()
        more = ((b"x-content-type-options", b"nosniff"), (b"x-request-id", request_id))
        return Answered(status, [*headers, *more], body)


class NodeShortcut(Protocol):
    """An `api.serving.bridge.Shortcut` for one operation."""

    @property
    def door(self) -> Door:
        """The operation's door."""
        ...

    def __call__(self, environ: Mapping[str, Any]) -> Answered | Reading | None:
        """See `Shortcut`."""
        ...


def first_of(shortcuts: Sequence[NodeShortcut]) -> Shortcut:
    """A shortcut that tries all of them."""

    def shortcut(environ: Mapping[str, Any]) -> Answered | Reading | None:
        for each in shortcuts:
            found = each(environ)
            if found is not None:
                return found
        return None

    return shortcut
