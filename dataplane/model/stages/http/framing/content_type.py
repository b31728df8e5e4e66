"""Content-Type (RFC 9110, 8.3): the kind of content, and the boundary of a multipart body."""

from __future__ import annotations

import re

from dataplane.model.stages.http.framing.request import Content, Request

_TYPE = re.compile(rb"[^;, \t]*")
_PARAMETER = re.compile(
    rb'[ \t]*;[ \t]*(?:(?=;|\Z)|([^=]*?)[ \t]*=(?:"([^"]*)"|[ \t]*([^";][^;]*?|)[ \t]*(?=;|\Z)))',
    re.S,
)
_BOUNDARY = re.compile(rb"[a-z0-9'()+_,./:=?-]{1,70}", re.I)
"""RFC 2046, 5.1.1, without the space."""


def check_content_type(request: Request) -> None:
    """Check the first Content-Type, if there are several."""
    values = request.values(b"content-type")
    if len(values) > 1:
        request.faults.add("CONTENT_TYPE")
    if not values:
        return
    found = _TYPE.match(values[0])
    kind = found[0] if found else b""
    request.content = _kind(kind.lower())
    if request.content is Content.MULTIPART:
        _check_boundary(request, values[0][len(kind) :])


def _kind(kind: bytes) -> Content:
    if kind == b"application/x-www-form-urlencoded":
        return Content.URLENCODED
    if kind.startswith(b"multipart/") and kind != b"multipart/":
        return Content.MULTIPART
    if kind.endswith(b"json"):
        return Content.JSON
    return Content.OTHER if kind else Content.NONE


def _check_boundary(request: Request, text: bytes) -> None:
    """Exactly one parameter of that name, and nothing that a server could read as another one."""
    found, is_good = 0, True
    while text:
        parameter = _PARAMETER.match(text)
        if not parameter:
            is_good = False
            break
        text = text[parameter.end() :]
        name, value = parameter[1] or b"", parameter[2] or parameter[3] or b""
        if name.lower() != b"boundary":
            is_good &= b"boundary" not in name.lower() and b"boundary" not in value.lower()
            continue
        found += 1
        is_good &= bool(_BOUNDARY.fullmatch(value))
        request.boundary = value
    if not is_good or found != 1:
        request.faults.add("MULTIPART_BOUNDARY")
