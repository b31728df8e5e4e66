"""Serves one registry at ``/metrics``: limited in connections and in time, no key, no request body.

``prometheus_client.start_http_server`` has neither limit: a few clients that read slowly would
occupy its threads for ever.
"""

from __future__ import annotations

import socket
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from dataplane.base.errors import ConfigurationError

CONNECTIONS_MAX = 16
CONNECTION_S = 10.0
"""Time limit from accept to the last byte of the answer."""
IDLE_S = 5.0
_POLL_S = 0.5
_INDEX = b'<!doctype html><title>SecBeat</title><p><a href="/metrics">metrics</a>\n'

log = structlog.get_logger("exporter")


class Exporter(ThreadingMixIn, TCPServer):
    """An HTTP server for one registry."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = CONNECTIONS_MAX

    def __init__(self, bind: str, registry: CollectorRegistry) -> None:
        """Listen on ``address:port``.

        Raises:
            ConfigurationError: the address is not this host's, or the port is in use.
        """
        host, _, port = bind.rpartition(":")
        host = host.strip("[]")
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.registry = registry
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        try:
            super().__init__((host, int(port)), _Handler)
        except OSError as error:
            raise ConfigurationError(f"metrics on {bind}: {error.strerror}") from error

    def start(self) -> None:
        """Serve from a thread of its own until ``close``."""
        threading.Thread(target=self.serve_forever, args=(_POLL_S,), daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self.shutdown()
        self.server_close()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take a connection if there is room."""
        del client_address
        with self._lock:
            if len(self._open) >= CONNECTIONS_MAX:
                return False
            self._open[request] = time.monotonic() + CONNECTION_S
            return True

    def shutdown_request(self, request: Any) -> None:
        """Give a connection's room back."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Close connections over their time limit; their threads end with a socket error."""
        now = time.monotonic()
        with self._lock:
            for request in [one for one, until in self._open.items() if until < now]:
                del self._open[request]
                with suppress(OSError):  # it has ended already
                    request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Disconnected clients are not logged."""


class _Handler(BaseHTTPRequestHandler):
    server: Exporter
    timeout = IDLE_S
    server_version = "SecBeat"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._metrics()
        elif path == "/":
            self._respond(HTTPStatus.OK, "text/html; charset=utf-8", _INDEX)
        else:
            self._respond(HTTPStatus.NOT_FOUND, "text/plain; charset=utf-8", b"see /metrics\n")

    do_HEAD = do_GET  # noqa: N815 - the server's name

    def _metrics(self) -> None:
        encode, content_type = choose_encoder(self.headers.get("Accept", ""))
        try:
            content = encode(self.server.registry)
        except Exception:
            log.exception("a scrape failed")
            self._respond(HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"scrape failed\n")
        else:
            self._respond(HTTPStatus.OK, content_type, content)

    def _respond(self, status: HTTPStatus, content_type: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Scrapes are not logged."""
