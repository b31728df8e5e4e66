"""Every request's id, in every log line and answer (``X-Request-ID``), and its source."""

from __future__ import annotations

import re
import time
import uuid

import structlog
from flask import Flask, Response, g, request

from api.common.exchange.source import UNKNOWN, source_of_request

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)

log = structlog.get_logger("api.access")


def register(app: Flask) -> None:
    """Give every request an id and a source (``g.source``), and log it when it is answered."""
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    sent = request.headers.get("X-Request-ID", "")
    g.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
    g.started_ns = time.monotonic_ns()
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)
    g.source = UNKNOWN
    g.source = source_of_request()


def _end(response: Response) -> Response:
    response.headers["X-Request-ID"] = g.request_id
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers.setdefault("Cache-Control", "no-store")
    log.info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        source=g.source,
        key=getattr(g, "key_name", None),
        ms=round((time.monotonic_ns() - g.started_ns) / 1e6, 2),
    )
    return response
