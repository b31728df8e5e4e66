"""One connection, on Gunicorn's asyncio protocol, which reads heads and bodies without a thread.

Added here: a deadline and a size for the head, errors as problem documents, an end that lets the
client see the last answer, and no protocol but HTTP/1.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from contextlib import suppress
from http import HTTPStatus
from typing import Any, Protocol, cast

from gunicorn.asgi.protocol import ASGIProtocol

from api.common.contract import problems

HEAD_S = 10.0
"""From the connection to the end of its first head; the next ones have Gunicorn's keepalive."""
HEAD_BYTES_MAX = 16_384
CLOSE_S = 5.0
"""How long a client may take to read its last answer and close."""
_READ_BYTES = 65_536
_FAILED = 500

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
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(431, f"the head is larger than {HEAD_BYTES_MAX} bytes")
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
        detail = f"the request is not HTTP this server reads: {message}"
        self._refuse(status, detail if status < _FAILED else message, extra_headers)

    def _refuse(
        self, status: int, detail: str, extra_headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        """Answer what never reached the application."""
        request_id = uuid.uuid4().hex
        log.info("not a request: %s, request id %s", detail, request_id)
        text = json.dumps(problems.document(status, detail, (), request_id)) + "\n"
        head = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Connection: close",
            f"Content-Type: {problems.MEDIA_TYPE}",
            f"X-Request-ID: {request_id}",
            f"Content-Length: {len(text.encode())}",
            *(f"{name}: {value}" for name, value in extra_headers),
        ]
        self._safe_write(("\r\n".join(head) + "\r\n\r\n" + text).encode("utf-8", "replace"))

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
