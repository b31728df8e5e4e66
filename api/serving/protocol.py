"""One connection, on Gunicorn's asyncio protocol, which reads heads and bodies without a thread.

Added here: a deadline and more rules for the head (`api.serving.head`), errors as problem
documents, an end that lets the client see the last answer, and no protocol but HTTP/1.
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
from api.serving import head

HEAD_S = 10.0
"""From the connection to the end of its first head; the next ones have Gunicorn's keepalive."""
CLOSE_S = 5.0
"""How long a client may take to read its last answer and close."""
_READ_BYTES = 65_536
_FAILED = 500
_LIMITS = {
    414: f"{head.LINE_BYTES_MAX} bytes of request line",
    431: f"{head.FIELDS_MAX} fields of {head.FIELD_BYTES_MAX} bytes, "
    f"{head.HEAD_BYTES_MAX} bytes of head",
}
"""What a status says of the head."""

log = logging.getLogger(__name__)


class Connections(Protocol):
    """Knows the connections of a worker and keeps their number within its limit."""

    def idle(self, connection: Connection) -> None:
        """This one has no request under way: it may be dropped for others."""
        ...

    def busy(self, connection: Connection) -> None:
        """This one may not, or is gone."""
        ...


class Connection(ASGIProtocol):  # type: ignore[misc]
    """A client."""

    def __init__(self, worker: Any, connections: Connections) -> None:
        super().__init__(worker)
        self._connections = connections
        self._max_buffer_size = _READ_BYTES
        self._head_bytes = 0
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        """Wait for a first head."""
        cast("Any", transport).max_size = _READ_BYTES
        super().connection_made(transport)
        self._keepalive_handle = self.worker.loop.call_later(HEAD_S, self._keepalive_timeout)
        self._connections.idle(self)

    def data_received(self, data: bytes) -> None:
        """Read on; a head that grows beyond its limit is refused."""
        if self._closed:
            return  # the client still sends what nobody wants any more
        super().data_received(data)
        if self._current_request is not None or self._closed:
            return
        self._head_bytes += len(data)
        if self._head_bytes > head.HEAD_BYTES_MAX:
            self._send_error_response(431, "the head is too large")
            self.finish()

    def eof_received(self) -> bool:
        """Still answer a client that says it has sent all of a request (RFC 9112 section 9.6)."""
        self._ended = True
        if self._closed:
            return False
        receiver = self._body_receiver
        if receiver is not None and receiver._complete:
            self._current_request.must_close = True
            receiver.signal_disconnect()  # for a stream, which would go on
        else:
            self.finish()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """Be forgotten."""
        self._connections.busy(self)
        super().connection_lost(exc)

    def drop(self) -> None:
        """Close at once."""
        self._connections.busy(self)
        self._closed = True
        self.transport.abort()

    def finish(self) -> None:
        """Close in order, without waiting for a request."""
        self._close_transport()
        self._request_ready.set()  # its task waits for that

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
            return  # the head came with the last second
        if self._head_bytes:
            self._refuse(408, "the head did not arrive in time")
        self.finish()

    def _is_websocket_upgrade(self, _request: Any) -> bool:
        return False

    def _send_error_response(
        self, status: int, message: str, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Gunicorn's own: the request is not HTTP, or the application failed."""
        limit = _LIMITS.get(status)
        detail = f"the request is not HTTP this server reads: {message}"
        if limit is not None:
            detail = f"{detail}: at most {limit}"
        self._refuse(status, message if status == _FAILED else detail, extra_headers)

    def _refuse(
        self, status: int, detail: str, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer what never reached the application."""
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
        """Say the end and wait for the client's: closing with unread bytes resets the connection,
        and the client never sees the answer (RFC 9112 section 9.6).
        """
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
