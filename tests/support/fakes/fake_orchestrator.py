"""An orchestrator in this process: it identifies nodes by their keys, and gives the answers that a
test sets."""

from __future__ import annotations

import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from api.common.contract.roles import KEY_HEADER

TOKEN = "enrolment-token"  # noqa: S105 - of a test


@dataclass
class FakeOrchestrator:
    """The state of the fake, and the requests that it got."""

    url: str = ""
    epoch: str = "epoch-1"
    desired: dict[str, Any] = field(default_factory=lambda: {"policy": None, "lists": 0})
    keys: dict[str, str] = field(default_factory=dict)
    """SHA-256 of nodes' keys, by node."""
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    answers: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    """Answers in place of the usual ones, by the end of the path."""
    asked: list[tuple[str, str, int]] = field(default_factory=list)
    """Method, path, status."""
    bodies: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    connections: int = 0
    at: str = "2026-01-01T00:00:00.000Z"

    def count(self, end: str, status: int | None = None) -> int:
        """Number of requests to paths with this end."""
        return sum(
            path.endswith(end) and status in {None, code} for _, path, code in list(self.asked)
        )

    def answer(
        self, path: str, key: str, etag: str | None, body: Any
    ) -> tuple[int, dict[str, Any], str | None]:
        """Status, document and ETag."""
        end = path.rpartition("/")[2]
        if end in self.answers:
            return *self.answers[end], None
        if end == "register":
            return *self._register(key, body), None
        node = path.split("/")[4]
        if self.keys.get(node) != hashlib.sha256(key.encode()).hexdigest():
            return 401, {"detail": "unknown key"}, None
        if end == "key":
            self.keys[node] = body["key_sha256"]
            return 200, {}, None
        if end == "heartbeat":
            taken = [each["id"] for each in body["incidents"]]
            return 200, {"at": self.at, "acknowledged": taken}, None
        document = {"epoch": self.epoch, "state": "active", **self.desired}
        tag = f'"{hashlib.sha256(json.dumps(document).encode()).hexdigest()}"'
        return (304, {}, tag) if etag == tag else (200, document, tag)

    def _register(self, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if key not in self.tokens:
            return 401, {"detail": "unknown token"}
        if self.keys.setdefault(body["id"], body["key_sha256"]) != body["key_sha256"]:
            return 409, {"detail": "registered with another key"}
        return 201, {"id": body["id"], "status": "registering", "epoch": self.epoch}


@contextmanager
def orchestrating(tls: tuple[Path, Path] | None = None) -> Iterator[FakeOrchestrator]:
    """Run one on 127.0.0.1 during the block; ``tls``: with this certificate and key."""
    fake = FakeOrchestrator()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            fake.connections += 1

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            key = self.headers.get(KEY_HEADER, "")
            etag = self.headers.get("If-None-Match")
            status, document, tag = fake.answer(self.path, key, etag, body)
            if body is not None:
                fake.bodies.append((self.path.rpartition("/")[2], body))
            content = b"" if status == 304 else json.dumps(document).encode()
            # Before the client has its answer and may read the counts.
            fake.asked.append((self.command, self.path, status))
            self.send_response(status)
            if tag:
                self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the server's name

        def log_message(self, *_: object) -> None:
            """No log in tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    scheme = "http"
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    fake.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
