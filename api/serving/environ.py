"""Converts an ASGI scope to the environ of WSGI (PEP 3333)."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from api.common.exchange.source import UNIX_SOCKET


def environ_of(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The environ of a request, without its body."""
    client, server = scope["client"], scope["server"]
    path, query = scope["raw_path"], scope["query_string"].decode("latin-1")
    if not path.startswith(b"/") and b"://" in path:  # RFC 9112 section 3.2.2
        path = urlsplit(path).path or b"/"
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query,
        "RAW_URI": scope["raw_path"].decode("latin-1") + (f"?{query}" if query else ""),
        "SERVER_NAME": server[0] if client else "localhost",
        "SERVER_PORT": str(server[1]) if client else "",
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client[0] if client else "",
        UNIX_SOCKET: client is None,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    return environ
