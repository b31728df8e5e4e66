"""The scanned parts of a request's body: twin of ``stages/http/forms/forms_body.c``."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from dataplane.model.stages.http.forms.content import guessed, json_lines
from dataplane.model.stages.http.forms.head import add_header
from dataplane.model.stages.http.forms.multipart import part_lines
from dataplane.model.stages.http.forms.values import (
    BODY_ARGUMENT,
    Fault,
    Form,
    Lines,
    Values,
    lines_of,
)
from dataplane.native.abi import WafClass

BOUNDARY_BYTES_MAX = 70
"""RFC 2046, section 5.1.1."""


class Kind(enum.IntEnum):
    """enum sb_http_content: the kind of content by Content-Type."""

    NONE = 0
    URLENCODED = 1
    JSON = 2
    MULTIPART = 3
    OTHER = 4


@dataclass(frozen=True)
class Body:
    """A body without its framing, and the head's description of it."""

    content: bytes
    kind: Kind = Kind.NONE
    boundary: bytes = b""
    trailers: Sequence[tuple[bytes, bytes]] = ()
    is_whole: bool = True
    """False: more bytes follow that are not inspected."""


def values_of_body(body: Body) -> Values:
    """The scanned parts of a body and its trailers."""
    values = Values()
    values.text[Form.RAW] = body.content
    values.raw_piece(WafClass.BODY, body.content)
    values.add(_content(body, values.faults), [(WafClass.BODY, b"")])
    values.secrets_follow()
    values.text[Form.RAW] += b"\n" if body.trailers else b""
    for name, value in body.trailers:
        values.text[Form.RAW] += value + b"\n"
        add_header(values, name, value)
    return values


def _content(body: Body, faults: set[Fault]) -> Lines:
    content = body.content
    if body.kind is Kind.MULTIPART and 0 < len(body.boundary) <= BOUNDARY_BYTES_MAX:
        return part_lines(content, body.boundary, faults, is_whole=body.is_whole)
    if body.kind is Kind.URLENCODED:
        return lines_of(content.split(b"&"), BODY_ARGUMENT)
    if _is_wide(content, is_json=body.kind is Kind.JSON):
        faults.add(Fault.BODY_CHARSET)
    return json_lines(content) if body.kind is Kind.JSON else guessed(content, is_field=False)


def _is_wide(content: bytes, *, is_json: bool) -> bool:
    """Whether the text is UTF-16 or UTF-32; RFC 4627, section 3; XML 1.0, appendix F.1."""
    if len(content) < 2:
        return False
    has_mark = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    if is_json:
        return has_mark or b"\0" in content[:2]
    if has_mark and len(content) >= 4:
        content = content[2:]
    return content[:2] in (b"<\0", b"\0<")
