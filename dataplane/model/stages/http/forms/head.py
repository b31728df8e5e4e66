"""The scanned parts of a request's head: twin of ``stages/http/forms/forms_head.c``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dataplane.model.stages.http.forms.paths import path_lines
from dataplane.model.stages.http.forms.values import ARGUMENT, HEADER, Form, Values, lines_of
from dataplane.native.abi import WafClass

SECRET = {b"cookie", b"authorization", b"proxy-authorization"}
_SEPARATOR = re.compile(rb";[ \t]*")


@dataclass(frozen=True)
class Head:
    """A parsed head: ``raw`` is all of it, with its empty line."""

    raw: bytes
    method: bytes
    path: bytes
    query: bytes
    headers: Sequence[tuple[bytes, bytes]] = ()
    """Names as sent; values without white space around them."""


def values_of_head(head: Head) -> Values:
    """The scanned parts of a head. Repeated headers: each of them, and all joined."""
    values = Values()
    values.text[Form.RAW] = _with_plain_ends(head)
    values.raw_piece(WafClass.METHOD, head.method)
    _add_target(values, head)
    _add_headers(values, [one for one in head.headers if one[0].lower() not in SECRET])
    values.secrets_follow()
    _add_headers(values, [one for one in head.headers if one[0].lower() in SECRET])
    return values


def _with_plain_ends(head: Head) -> bytes:
    """Replace every CR, and white space after a value, by LF; offsets do not change."""
    first, *lines = head.raw.split(b"\r\n")
    out = [first]
    for line in lines:
        kept = line.rstrip(b" \t")
        has_value = line.partition(b":")[2].strip(b" \t")
        out.append(kept.ljust(len(line), b"\n") if has_value else line)
    return b"\n\n".join(out).replace(b"\r", b"\n")


def _add_target(values: Values, head: Head) -> None:
    values.text[Form.RAW] += head.path + b"\n"
    values.raw_piece(WafClass.PATH, head.path)
    values.add(path_lines(head.path, values.faults), [(WafClass.PATH, b"")])
    if head.query:
        by_argument = head.query.replace(b"&", b"\n")
        values.text[Form.RAW] += by_argument + b"\n"
        values.raw_piece(WafClass.QUERY, head.query)
        if by_argument != head.query:
            values.raw_piece(WafClass.QUERY, by_argument)
        values.add(lines_of(head.query.split(b"&"), ARGUMENT), [(WafClass.QUERY, b"")])


def _add_headers(values: Values, headers: Sequence[tuple[bytes, bytes]]) -> None:
    for name, value in headers:
        add_header(values, name, value)
    for name, joined in _joined(headers):
        values.text[Form.RAW] += joined + b"\n"
        add_header(values, name, joined)


def add_header(values: Values, name: bytes, value: bytes) -> None:
    """Add a header or a trailer; or all values of one name, joined."""
    name = name.lower()
    targets = [(WafClass.HEADER, name)]
    parts = [value]
    if name == b"cookie":
        targets.append((WafClass.COOKIE, b""))
        by_cookie = _SEPARATOR.sub(lambda found: b"\n" * len(found[0]), value)
        values.text[Form.RAW] += by_cookie + b"\n" if value else b""
        parts = [part.strip(b" \t") for part in value.split(b";")]
    for target, of in targets:
        values.raw_piece(target, value, of)
    if len(parts) > 1:
        values.raw_piece(WafClass.COOKIE, by_cookie)
    values.add(lines_of(parts, HEADER), targets)


def _joined(headers: Sequence[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    """RFC 9110, section 5.3; cookies: RFC 6265, section 5.4."""
    by_name: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)
    for name, found in by_name.items():
        if len(found) > 1:
            yield name, (b"; " if name == b"cookie" else b", ").join(found)
