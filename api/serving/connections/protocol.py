"""One connection, based on Gunicorn's asyncio protocol, which reads heads and bodies without a
thread.

Additions: a deadline and more checks for the head (`api.serving.connections.head`), errors as
problem documents, a close that lets the client read the last answer, and HTTP/1 only.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from contextlib import suppress
from typing import Any, Protocol, cast

from gunicorn.asgi.protocol import ASGIProtocol

from api.common.contract import problems
from api.serving.connections import head

HEAD_S = 10.0
"""Time from the connection to the end of its first head; later heads have Gunicorn's keepalive."""
CLOSE_S = 5.0
"""Time for a client to read its last answer and close."""
_READ_BYTES = 65_536
_FAILED = 500
_LIMITS = {
    414: f"{head.LINE_BYTES_MAX} bytes of request line",
    431: f"{head.FIELDS_MAX} fields of {head.FIELD_BYTES_MAX} bytes, "
    f"{head.HEAD_BYTES_MAX} bytes of head",
}
"""Messages by status for a refused head."""

log = logging.getLogger(__name__)


class Connections(Protocol):
    """The connections of a worker, limited in number."""

    def idle(self, connection: Connection) -> None:
        """The connection has no request under way: it may be closed for new ones."""
        ...

    def busy(self, connection: Connection) -> None:
        """The connection has a request under way, or is closed."""
        ...


class Connection(ASGIProtocol):  # type: ignore[misc]
    """The connection of a client."""

    def __init__(self, worker: Any, connections: Connections) -> None:
        super().__init__(worker)
        self._connections = connections
        self._max_buffer_size = _READ_BYTES
        self._head_bytes = 0
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Start to wait for the first head."""
        cast("Any", transport).max_size = _READ_BYTES
        super().connection_made(transport)
        self._keepalive_handle = self.worker.loop.call_later(HEAD_S, self._keepalive_timeout)
        self._connections.idle(self)

    def data_received(self, data: bytes) -> None:
        """Read data; a head beyond its limit is refused."""
        if self._closed:
            return  # discard data that the client still sends after the refusal
        super().data_received(data)
        if self._current_request is not None or self._closed:
            return
        self._head_bytes += len(data)
        if self._head_bytes > head.HEAD_BYTES_MAX:
            self._send_error_response(431, "the head is too large")
            self.finish()

    def eof_received(self) -> bool:
        """Still answer a client that has closed its sending side (RFC 9112 section 9.6)."""
        self._ended = True
        if self._closed:
            return False
        receiver = self._body_receiver
        if receiver is not None and receiver._complete:
            self._current_request.must_close = True
            receiver.signal_disconnect()  # for a stream, which would not end
        else:
            self.finish()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the worker's list."""
        self._connections.busy(self)
        super().connection_lost(exc)

    def drop(self) -> None:
        """Close at once."""
        self._connections.busy(self)
        self._closed = True
        self.transport.abort()

    def finish(self) -> None:
        """Close orderly, without waiting for a request."""
        self._close_transport()
        self._request_ready.set()  # its task is waiting for that

    def _on_headers_complete(self) -> bool:
        head.check(self._callback_parser)
        self._head_bytes = 0
        self._connections.busy(self)
        return bool(super()._on_headers_complete())

    def _arm_keepalive_timer(self) -> None:
        super()._arm_keepalive_timer()
        self._connections.idle(self)

    def _keepalive_timeout(self) -> None:
        if self._current_request is not None:
            return  # the head arrived in the last second
        if self._head_bytes:
            self._refuse(408, "the head did not arrive in time")
        self.finish()

    def _is_websocket_upgrade(self, _request: Any) -> bool:
        return False

    def _send_error_response(
        self, status: int, message: str, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Replaces Gunicorn's method: the request is not HTTP, or the application failed."""
        limit = _LIMITS.get(status)
        detail = f"the request is not HTTP this server reads: {message}"
        if limit is not None:
            detail = f"{detail}: at most {limit}"
        self._refuse(status, message if status == _FAILED else detail, extra_headers)

    def _refuse(
        self, status: int, detail: str, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer a request that does not reach the application."""
        request_id = uuid.uuid4().hex
        log.info("not a request: %s, request id %s", detail, request_id)
        text = json.dumps(problems.document(status, detail, (), request_id)) + "\n"
        lines = [
            f"HTTP/1.1 {status} {problems.phrase(status)}",
            "Connection: close",
            f"Content-Type: {problems.MEDIA_TYPE}",
            f"X-Request-ID: {request_id}",
            f"Content-Length: {len(text.encode())}",
            *(f"{name}: {value}" for name, value in extra_headers),
        ]
        body = "" if self._callback_parser.method == b"HEAD" else text
        self._safe_write(("\r\n".join(lines) + "\r\n\r\n" + body).encode("utf-8", "replace"))

    def _close_transport(self) -> None:
        """Close the sending side and wait for the client's: a close with unread bytes resets the
        connection, and the client would lose the answer (RFC 9112 section 9.6)."""
        if self._closed or self.transport is None:
            return
        self._closed = True
        self._connections.idle(self)
        self._resume_reading()
        with suppress(OSError, RuntimeError):
            self.transport.write_eof()
        if self._ended:
            self.transport.close()
        self.worker.loop.call_later(CLOSE_S, self.transport.abort)
