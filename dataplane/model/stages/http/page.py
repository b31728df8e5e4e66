"""The error page for a client whose request was refused: twin of ``page.c``."""

from __future__ import annotations

from dataplane.model.stages.http.framing.request import Request

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def incident(key: tuple[int, int], count: int) -> int:
    """The incident number of the ``count``-th incident: reveals nothing, and is not 0."""
    words = key[0] | 1, key[1] | 1
    mixed = _fold(words[0], count ^ words[1])
    return _fold(mixed ^ words[0], _GOLDEN ^ words[1]) or 1


def _fold(one: int, other: int) -> int:
    product = one * other
    return (product & _MASK) ^ (product >> 64)


def page(request: Request, number: int, retry_after_s: int = 0) -> bytes:
    """Head and body; ``retry_after_s``: 0 except for a request that exceeds a limit."""
    status, title = ("429", "Too Many Requests") if retry_after_s else ("403", "Forbidden")
    sentence = "Too many requests." if retry_after_s else "This request was blocked."
    kind = "text/html; charset=utf-8"
    body = (
        f"<!DOCTYPE html><title>{title}</title><h1>{title}</h1>"
        f"<p>{sentence} Incident: {number:016x}</p>\n"
    )
    if _wants_json(request):
        kind, error = "application/json", title.lower().replace(" ", "_")
        body = f'{{"error":"{error}","message":"{sentence}","incident":"{number:016x}"}}\n'
    lines = [
        f"HTTP/1.1 {status} {title}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"X-Request-Id: {number:016x}",
        *([f"Retry-After: {retry_after_s}"] if retry_after_s else []),
        "Connection: close",
    ]
    head = "\r\n".join([*lines, "", ""])
    return (head if "is_head" in request.flags else head + body).encode()


def _wants_json(request: Request) -> bool:
    accepted = next(iter(request.values(b"accept")), b"").lower()
    return b"json" in accepted and b"html" not in accepted
