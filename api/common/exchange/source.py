"""The source address of a request, for limits, audit and logs.

For TCP it is that of the connection; nothing in the request can change it. The Unix socket is used
by a TLS terminator of this host for its own clients: only its statement is trusted, and only about
the last hop.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

from flask import request

from api.common.contract.errors import MalformedError

HEADER = "X-Forwarded-For"
LOCAL = "unix socket"
"""The source of a local client on the Unix socket itself."""
UNKNOWN = "unknown"
UNIX_SOCKET = "secbeat.unix_socket"
"""Key in the environ of a request: whether it came over the Unix socket."""


def source_of_request() -> str:
    """The client's address, or `LOCAL`. MalformedError: the terminator has sent no
    valid address."""
    if not came_over_unix_socket():
        return request.remote_addr or UNKNOWN
    text = request.headers.get(HEADER)
    if text is None:
        return LOCAL
    # A terminator that appends to the header puts its own entry at the end.
    last = text.rpartition(",")[2].strip()
    try:
        address = ip_address(last)
    except ValueError:
        raise MalformedError(f"{HEADER} ends in {last!r}, which is no IP address") from None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return str(address)


def neighbourhood(source: str) -> str:
    """The network that a limit on a source must cover: an IPv6 host has a whole /64 (RFC 4291,
    2.5.4)."""
    try:
        return str(IPv6Network((source, 64), strict=False))
    except ValueError:
        return source


def came_over_unix_socket() -> bool:
    """Whether the terminator's socket brought the request."""
    return bool(request.environ.get(UNIX_SOCKET))
