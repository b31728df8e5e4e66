"""Checks of a head: what it declares about the message, and what servers read differently."""

from __future__ import annotations

from dataplane.model.stages.http.framing.content_type import check_content_type
from dataplane.model.stages.http.framing.headers import is_chunked
from dataplane.model.stages.http.framing.host import check_host, check_target
from dataplane.model.stages.http.framing.reader import DIGITS, broken
from dataplane.model.stages.http.framing.request import (
    LENGTH_MAX,
    LINE_MAX,
    Framing,
    Header,
    Request,
)


def check_head(request: Request) -> None:
    """Fill in the declarations of the head; add all faults that do not break the message.

    Raises BrokenError if the head leaves the end of the body open.
    """
    _check_line(request)
    check_target(request)
    check_host(request)
    _check_encoding(request)
    _check_length(request)
    _check_rest(request)
    check_content_type(request)
    _check_connection(request)
    _choose_framing(request)


def _check_line(request: Request) -> None:
    if request.protocol != b"HTTP":
        request.faults.add("PROTOCOL")
    elif request.version not in {b"1.0", b"1.1"}:
        request.faults.add("VERSION")
    parts = request.method, request.target, request.protocol, request.version
    if request.line != b"%s %s %s/%s\r\n" % parts:
        request.faults.add("REQUEST_LINE")
    if max([len(request.line), *(one.line_size for one in request.headers)]) > LINE_MAX:
        request.faults.add("LINE_SIZE")


def _check_encoding(request: Request) -> None:
    """RFC 9112, 6.1: servers read anything except exactly one "chunked" differently."""
    found = request.values(b"transfer-encoding")
    if found and found != [b"chunked"]:
        request.faults.add("TRANSFER_ENCODING")
    if found and request.version == b"1.0":
        request.faults.add("CHUNKED_IN_1_0")
    if found and request.values(b"content-length"):
        request.faults.add("LENGTH_AND_CHUNKED")


def _check_length(request: Request) -> None:
    """RFC 9112, 6.3: digits with spaces around them, but no tabs."""
    for header in _named(request, b"content-length"):
        if b"\t" in header.raw or not header.value or set(header.value) - DIGITS:
            request.faults.add("CONTENT_LENGTH")
        request.content_length = int(header.value or b"0")


def _check_rest(request: Request) -> None:
    expected = request.values(b"expect")
    if expected and [one.lower() for one in expected] != [b"100-continue"]:
        request.faults.add("EXPECT")
    if expected and expected[-1].lower() == b"100-continue":
        request.flags.add("expects_continue")
    if any(one.lower() != b"identity" for one in request.values(b"content-encoding")):
        request.faults.add("CONTENT_ENCODING")
        request.flags.add("has_content_encoding")
    if request.method == b"HEAD":
        request.flags.add("is_head")
    if request.method == b"CONNECT":
        request.flags.add("is_connect")


def _check_connection(request: Request) -> None:
    """RFC 9112, 9.3; RFC 9110, 7.8. Also Proxy-Connection: some servers obey it."""
    asked = {one for name in (b"connection", b"proxy-connection") for one in _list(request, name)}
    if b"close" not in asked and (request.version == b"1.1" or b"keep-alive" in asked):
        request.flags.add("keep_alive")
    protocols = _list(request, b"upgrade")
    if any(one.startswith(b"h2") for one in protocols):
        request.faults.add("UPGRADE")
    if request.method == b"CONNECT" or (any(request.values(b"upgrade")) and b"upgrade" in asked):
        request.flags.add("is_upgrade")
        if b"websocket" in [one.lower() for one in request.values(b"upgrade")]:
            request.flags.add("is_websocket")


def _choose_framing(request: Request) -> None:
    """RFC 9112, 6.3."""
    encodings = any(request.values(b"transfer-encoding"))
    if request.content_length > LENGTH_MAX:
        broken("CONTENT_LENGTH")
    if encodings and not is_chunked(request.headers):
        broken("TRANSFER_ENCODING")
    if encodings:
        request.framing = Framing.CHUNKED
    elif request.content_length:
        request.framing = Framing.LENGTH
    if request.method in {b"GET", b"HEAD"} and request.framing is not Framing.NO_BODY:
        request.faults.add("BODY_OF_GET")
    if request.method == b"CONNECT" and request.framing is not Framing.NO_BODY:
        broken("CONNECT")


def _named(request: Request, name: bytes) -> list[Header]:
    return [one for one in request.headers if one.name.lower() == name]


def _list(request: Request, name: bytes) -> list[bytes]:
    """The elements of all headers of a name (RFC 9110, 5.6.1), in lower case."""
    return [
        element.strip(b" \t").lower()
        for value in request.values(name)
        for element in value.split(b",")
    ]
