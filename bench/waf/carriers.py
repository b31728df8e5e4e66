"""Requests that carry an attack, in each place and encoding; and the texts of a request that are
scanned."""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

from bench.waf.benign import Benign, browser_head, multipart, urlencoded
from bench.waf.payloads import Payload
from dataplane.model.stages.http.forms.bodies import Body, Kind, values_of_body
from dataplane.model.stages.http.forms.head import Head, values_of_head

_BROWSER = {
    "user_agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "language": "en-US,en;q=0.5",
}
_TARGETS: dict[str, Callable[[str], str]] = {
    "argument": quote_plus,
    "encoded twice": lambda text: quote_plus(quote_plus(text)),
    "every byte encoded": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "%u": lambda text: "".join(f"%u{ord(one):04x}" for one in text),
    "references of HTML": lambda text: quote_plus("".join(f"&#{ord(one)};" for one in text)),
}
_HEADERS: dict[str, Callable[[str], dict[str, str]]] = {
    "cookie": lambda text: {"Cookie": f"theme=dark; id={quote(text)}"},
    "header": lambda text: {"Referer": f"https://www.example.com/?id={quote(text)}"},
}
_BODIES: dict[str, Callable[[str], Body]] = {
    "urlencoded body": lambda text: urlencoded({"a": "1", "id": text}),
    "multipart body": lambda text: multipart({"a": "1", "id": text}),
    "JSON": lambda text: Body(json.dumps({"a": 1, "id": text}).encode(), Kind.JSON),
    "JSON, all escaped": lambda text: Body(
        b'{"id": "%s"}' % "".join(f"\\u{ord(one):04x}" for one in text).encode(), Kind.JSON
    ),
}
CARRIERS = (*_TARGETS, *_HEADERS, *_BODIES)


def request_of(payload: Payload, carrier: str = "argument") -> Benign:
    """The request that an attacker would send; ``carrier``: one of `CARRIERS`."""
    text, head = payload.text, browser_head(_BROWSER, "session=4f3c2b1a9d8e7f6a; theme=dark")
    note = "(held out)" if payload.is_held_out else text
    if payload.is_body:
        body = Body(text.encode(), Kind.OTHER)
        return Benign(payload.group, "POST", "/item", head, body, note)
    if carrier in _TARGETS:
        target = f"/item?id={_TARGETS[carrier](text)}&page=2"
        return Benign(payload.group, "GET", target, head, note=note)
    if carrier in _HEADERS:
        head |= _HEADERS[carrier](text)
        return Benign(payload.group, "GET", "/item?page=2", head, note=note)
    return Benign(payload.group, "POST", "/item", head, _BODIES[carrier](text), note)


def texts_of(request: Benign) -> list[bytes]:
    """All texts that are scanned for the target `any`."""
    path, _, query = request.target.partition("?")
    headers = [(name.encode(), value.encode()) for name, value in request.headers.items()]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    raw = f"{request.method} {request.target} HTTP/1.1\r\n".encode() + b"".join(lines) + b"\r\n"
    head = Head(raw, request.method.encode(), path.encode(), query.encode(), headers)
    found = list(values_of_head(head).text.values())
    if request.body is not None:
        found += values_of_body(request.body).text.values()
    return [text for text in found if text]
