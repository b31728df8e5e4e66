"""Where a request comes from: for limits, audit and logs.

A connection over TCP says so itself, and nothing in the request can say otherwise. On the Unix
socket speaks a TLS terminator of this host, for clients of its own: it alone is believed, and only
for the one hop that it has seen.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from flask import request

from api.common.contract.errors import MalformedError

HEADER = "X-Forwarded-For"
LOCAL = "unix socket"
"""Somebody on this host who speaks on the socket himself."""
UNKNOWN = "unknown"
UNIX_SOCKET = "secbeat.unix_socket"
"""In the environ of a request: whether a Unix socket brought it."""


def source_of_request() -> str:
    """The client's address, or `LOCAL`. MalformedError: the terminator says no address."""
    if not came_over_unix_socket():
        return request.remote_addr or UNKNOWN
    text = request.headers.get(HEADER)
    if text is None:
        return LOCAL
    # A terminator that appends instead of replacing adds its own finding at the end.
    last = text.rpartition(",")[2].strip()
    try:
        address = ip_address(last)
    except ValueError:
        raise MalformedError(f"{HEADER} ends in {last!r}, which is no IP address") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def neighbourhood(source: str) -> str:
    """Whom a limit on a source has to mean: of IPv6 a host has a whole /64 (RFC 4291, 2.5.4)."""
    try:
        return str(IPv6Network((source, 64), strict=False))
    except ValueError:
        return source


def came_over_unix_socket() -> bool:
    """Whether the terminator's socket brought the request."""
    return bool(request.environ.get(UNIX_SOCKET))
