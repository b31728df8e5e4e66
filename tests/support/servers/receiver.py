"""A receiver of webhooks on loopback: records the requests and gives the answers that a
test sets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks import Webhook

Answer = tuple[int, dict[str, str]]


@dataclass(frozen=True)
class Got:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    def verify(self, key: bytes) -> None:
        """Raises if the signature is not valid for this key, or too old."""
        Webhook(key).verify(self.body, self.headers)


@dataclass
class Receiver:
    """Records all requests; ``taken`` has those that were answered with 2xx."""

    port: int = 0
    answer: Callable[[Got], Answer] = lambda _got: (204, {})
    got: list[Got] = field(default_factory=list)
    taken: list[Got] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?key=hidden"

    def ids(self) -> list[str]:
        return [each.id for each in self.taken]


@contextmanager
def receiving(port: int = 0) -> Iterator[Receiver]:
    """Run a receiver during the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            got = Got(self.path, headers, body)
            receiver.got.append(got)
            status, extra = receiver.answer(got)
            if 200 <= status < 300:
                receiver.taken.append(got)
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        receiver.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def failing(times: int, status: int = 500, of: str | None = None) -> Callable[[Got], Answer]:
    """Answers that fail for the first requests (of an event, or of all), then accept everything."""
    left = [times]

    def answer(got: Got) -> Answer:
        if of not in {None, got.event["event"]}:
            return (204, {})
        left[0] -= 1
        return (204, {}) if left[0] < 0 else (status, {})

    return answer
