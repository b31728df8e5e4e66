"""Checks of a request's head beyond those of Gunicorn's parser (RFC 9112)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv6Address
from typing import Protocol

from gunicorn.asgi.parser import (
    InvalidHeader,
    InvalidRequestLine,
    InvalidRequestMethod,
    LimitRequestHeaders,
    UnsupportedTransferCoding,
)

LINE_BYTES_MAX = 8190
"""Limit of the request line: RFC 9110 section 4.1 asks for URIs of 8,000 bytes."""
FIELDS_MAX = 100
FIELD_BYTES_MAX = 8190
HEAD_BYTES_MAX = 16_384
"""Limit of request line and fields together."""
PARSER = {
    "http_parser": "python",
    "limit_request_line": LINE_BYTES_MAX,
    "limit_request_fields": FIELDS_MAX,
    "limit_request_field_size": FIELD_BYTES_MAX,
    "permit_unconventional_http_method": True,  # any token: `check` validates it
}
"""Settings of Gunicorn's parser."""

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_PORT = rb"(?::[0-9]*)?"
_NAME = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*" + _PORT)
_ADDRESS = re.compile(rb"\[([0-9A-Fa-f:.]+)\]" + _PORT)
_ABSOLUTE = re.compile(rb"https?://([^/?]*)(?:[/?].*)?", re.IGNORECASE)
_LINE_REST_BYTES = len("  HTTP/1.1\r\n")
_FIELD_REST_BYTES = len(": \r\n")


class Head(Protocol):
    """The head, as the parser has read it."""

    method: bytes
    path: bytes
    """The request target."""
    http_version: tuple[int, int]
    headers: Sequence[tuple[bytes, bytes]]
    """Names are in lower case."""


def check(head: Head) -> None:
    """Raise the parser's error if the request must be refused: 400, 431 or 501."""
    if not _TOKEN.fullmatch(head.method):
        raise InvalidRequestMethod("the method is no token")
    _check_size(head)
    _check_target(head.path)
    hosts = [value for name, value in head.headers if name == b"host"]
    if not hosts and head.http_version >= (1, 1):
        raise InvalidHeader("Host is missing (RFC 9112 section 3.2)")
    if not all(is_authority(host) for host in hosts):
        raise InvalidHeader("Host is neither a name nor an address (RFC 9112 section 3.2)")
    codings = [value for name, value in head.headers if name == b"transfer-encoding"]
    if codings and b",".join(codings).lower() != b"chunked":
        raise UnsupportedTransferCoding("the only transfer coding is chunked")


def is_authority(text: bytes) -> bool:
    """Whether the value is a host with an optional port (RFC 3986 section 3.2.2), without
    userinfo."""
    address = _ADDRESS.fullmatch(text)
    if address is None:
        return _NAME.fullmatch(text) is not None
    try:
        IPv6Address(address[1].decode())
    except AddressValueError:
        return False
    return True


def _check_size(head: Head) -> None:
    size = len(head.method) + len(head.path) + _LINE_REST_BYTES
    size += sum(len(name) + len(value) + _FIELD_REST_BYTES for name, value in head.headers)
    if size > HEAD_BYTES_MAX:
        raise LimitRequestHeaders("the head is too large")


def _check_target(target: bytes) -> None:
    """RFC 9112 section 3.2; the parser has refused forms that do not go with the method."""
    if b"#" in target:
        raise InvalidRequestLine("a fragment in the request target")
    if target.startswith(b"/") or b"://" not in target:
        return
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or not absolute[1] or not is_authority(absolute[1]):
        raise InvalidRequestLine("the request target is no http or https URI")
