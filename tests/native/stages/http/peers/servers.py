"""What servers read of bytes that come on one connection: the requests, in their order.

Gunicorn, Werkzeug's development server, and Python's own, without sockets: their parsers alone.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from gunicorn.config import Config
from gunicorn.http.errors import ParseException
from gunicorn.http.parser import RequestParser
from werkzeug.serving import WSGIRequestHandler

Start = Callable[[str, list[tuple[str, str]]], Any]


class Seen(NamedTuple):
    """A request as an application behind the server gets it."""

    method: bytes
    target: bytes
    body: bytes


def gunicorn(data: bytes) -> list[Seen]:
    """Of Gunicorn."""
    found = []
    try:
        for request in RequestParser(Config(), iter([data]), ("127.0.0.1", 1)):
            body = request.body.read()
            found.append(Seen(request.method.encode(), request.uri.encode("latin-1"), body))
            if request.should_close():
                break
    except (ParseException, StopIteration):
        pass
    return found


class _Detached(BaseHTTPRequestHandler):
    """A handler without a socket, that closes where it would answer with an error."""

    protocol_version = "HTTP/1.1"

    def __init__(self, data: bytes) -> None:
        self.rfile, self.wfile = io.BytesIO(data), io.BytesIO()
        self.client_address = ("127.0.0.1", 1)
        self.found: list[Seen] = []
        self.close_connection = True
        self.handle()

    def send_error(self, *_: object, **__: object) -> None:
        """Nobody gets it."""
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class _Python(_Detached):
    def __getattr__(self, name: str) -> Callable[[], None]:
        if name.startswith("do_"):
            return self._note
        raise AttributeError(name)

    def _note(self) -> None:
        size = int(self.headers.get("Content-Length", "0"))
        target = self.path.encode("latin-1")
        self.found.append(Seen(self.command.encode(), target, self.rfile.read(size)))


def python(data: bytes) -> list[Seen]:
    """Of ``http.server``, with a handler that reads the body by its length; it knows no chunks."""
    return _Python(data).found


class _Application:
    """What Werkzeug takes for its server, and the application in it."""

    multithread = multiprocess = False
    ssl_context = None
    server_address = ("127.0.0.1", 80)
    passthrough_errors = True
    host, port = "127.0.0.1", 80

    def __init__(self, found: list[Seen]) -> None:
        self._found = found

    def app(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        """Read the whole body and note the request."""
        is_chunked = "HTTP_TRANSFER_ENCODING" in environ
        size = -1 if is_chunked else int(environ.get("CONTENT_LENGTH") or "0")
        body = environ["wsgi.input"].read(size)
        target = environ["REQUEST_URI"].encode("latin-1")
        self._found.append(Seen(environ["REQUEST_METHOD"].encode(), target, body))
        start("200 OK", [("Content-Length", "0")])
        return [b""]

    def log(self, *_: object) -> None:
        """Nobody reads it."""


class _Werkzeug(_Detached, WSGIRequestHandler):
    def handle(self) -> None:
        self.server = _Application(self.found)  # type: ignore[assignment]
        self.connection = self.request = None  # type: ignore[assignment]
        try:
            super().handle()
        except (OSError, ValueError):
            # Chunks that are none; or the answer is written, and there is no socket to be read out.
            return

    def log_request(self, *_: object) -> None:
        """Nobody reads it."""


def werkzeug(data: bytes) -> list[Seen]:
    """Of Werkzeug's development server, which closes every connection after a request."""
    return _Werkzeug(data).found
