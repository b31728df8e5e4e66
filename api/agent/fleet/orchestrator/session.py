"""HTTP to the orchestrator: one kept connection, TLS verified, answers bounded in size and time.

Proxies of the environment are not used: the configuration names the orchestrator's address.
"""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from api.agent.node_api import RequestError
from api.common.contract.roles import KEY_HEADER
from dataplane.base.errors import SecBeatError

TIMEOUT_S = 5.0
"""Time limit of each step: to connect, to send, to read a piece."""
ANSWER_S_MAX = 20.0
"""Time limit of a whole answer, however slowly its pieces arrive."""
ANSWER_BYTES_MAX = 8 << 20
"""Size limit of an answer; a page of lists or rules is the largest."""
_PIECE_BYTES = 1 << 16
_NOT_MODIFIED = 304
_OK = range(200, 300)
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
"""Errors that mean that the other side has closed the idle connection."""


@dataclass(frozen=True)
class Reply:
    """A successful answer."""

    document: dict[str, Any] = field(default_factory=dict)
    etag: str | None = None
    is_unchanged: bool = False
    """Status 304: the content has not changed since this ETag."""


class Session:
    """Safe for several threads: one request at a time."""

    def __init__(self, url: str, ca_file: Path | None, key: Callable[[], str]) -> None:
        """Nothing is connected yet.

        Args:
            url: ``https://HOST[:PORT]``, or ``http://`` to this host.
            ca_file: the CA that alone is believed; None: the system's.
            key: the node's own key, asked for with each request.
        """
        self._url = urlsplit(url)
        self._ca_file = ca_file
        self._key = key
        self._lock = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._local = ""

    @property
    def local_address(self) -> str:
        """This host's address on the way to the orchestrator; empty: no connection was made yet."""
        return self._local

    def get(self, path: str) -> dict[str, Any]:
        """The decoded answer; ``path`` is below ``/api/v1/``. Raises RequestError."""
        return self.request("GET", path).document

    def post(self, path: str, body: object, key: str | None = None) -> dict[str, Any]:
        """The same as `get`, with POST; ``key`` replaces the node's own key."""
        return self.request("POST", path, body, key=key).document

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        etag: str | None = None,
        key: str | None = None,
    ) -> Reply:
        """One request, repeated once if the kept connection turns out to be closed.

        Raises:
            RequestError: with status 0 the orchestrator can't be reached, or its answer is none.
        """
        headers = {"Accept": "application/json", KEY_HEADER: key or self._own_key()}
        if etag is not None:
            headers["If-None-Match"] = etag
        content = None
        if body is not None:
            content = json.dumps(body, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        target = f"{self._url.path.rstrip('/')}/api/v1/{path}"
        with self._lock:
            try:
                answer, text = self._exchange(method, target, content, headers)
            except (OSError, http.client.HTTPException, ValueError) as error:
                self._drop()
                raise RequestError(0, f"{method} {path}: {_reason(error)}") from error
        return _reply(f"{method} {path}", answer, text)

    def close(self) -> None:
        """Close the connection; the next request opens another one. Idempotent."""
        with self._lock:
            self._drop()

    def _own_key(self) -> str:
        try:
            return self._key()
        except (OSError, SecBeatError) as error:
            raise RequestError(0, f"the node has no key: {error}") from error

    def _exchange(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        is_kept = self._connection is not None
        try:
            return self._once(method, target, content, headers)
        except _STALE:
            if not is_kept:
                raise
            self._drop()
            return self._once(method, target, content, headers)

    def _once(
        self, method: str, target: str, content: bytes | None, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, bytes]:
        connection = self._connected()
        connection.request(method, target, content, headers)
        answer = connection.getresponse()
        return answer, _read(answer)

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            host, port = self._url.hostname or "", self._url.port
            made = (
                http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=self._context())
                if self._url.scheme == "https"
                else http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
            )
            made.connect()
            self._local = str(made.sock.getsockname()[0])
            self._connection = made
        return self._connection

    def _context(self) -> ssl.SSLContext:
        """The TLS context, made anew for each connection: the CA file may have been replaced."""
        context = ssl.create_default_context(cafile=self._ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def _drop(self) -> None:
        if self._connection is not None:
            with suppress(OSError):
                self._connection.close()
            self._connection = None


def _read(answer: http.client.HTTPResponse) -> bytes:
    until_s = time.monotonic() + ANSWER_S_MAX
    pieces, size = [], 0
    while piece := answer.read1(_PIECE_BYTES):
        pieces.append(piece)
        size += len(piece)
        if size > ANSWER_BYTES_MAX:
            raise ValueError(f"the answer is longer than {ANSWER_BYTES_MAX} bytes")
        if time.monotonic() > until_s:
            raise TimeoutError(f"the answer took longer than {ANSWER_S_MAX:.0f} s")
    answer.close()  # the connection is kept, and read1 leaves even a finished answer open
    return b"".join(pieces)


def _reply(what: str, answer: http.client.HTTPResponse, text: bytes) -> Reply:
    if answer.status == _NOT_MODIFIED:
        return Reply(is_unchanged=True)
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if answer.status not in _OK:
        detail = found.get("detail") if isinstance(found, dict) else None
        raise RequestError(answer.status, f"{what}: HTTP {answer.status}: {detail}")
    if not isinstance(found, dict):
        raise RequestError(0, f"{what}: the answer is no JSON object")
    return Reply(found, answer.getheader("ETag"))


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not accepted: {error.verify_message}"
    return str(error) or type(error).__name__
