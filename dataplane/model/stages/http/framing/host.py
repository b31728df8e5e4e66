"""Host and request target (RFC 9112, 3.2): both name the host of the request."""

from __future__ import annotations

import re

from dataplane.model.stages.http.framing.request import Request

_HOST = re.compile(rb"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{0,5})?", re.I)
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.I | re.S)
_NAME = re.compile(rb"\[[^\]]*\]?|[^:]*")


def check_target(request: Request) -> None:
    """Check the form of the target, and split it; the authority of an absolute URI is the host."""
    target, path = request.target, request.target
    if not target.isascii():
        request.faults.add("TARGET")
    if b"#" in target:
        request.faults.add("TARGET_FRAGMENT")
    if request.method == b"CONNECT":
        request.faults.add("CONNECT")
    elif target[:1] == b"*":
        if target != b"*" or request.method != b"OPTIONS":
            request.faults.add("TARGET_FORM")
    elif target[:1] != b"/":
        absolute = _ABSOLUTE.fullmatch(target)
        if absolute:
            request.host, path = absolute[1], absolute[2]
        if not request.host:
            request.faults.add("TARGET_FORM")
    request.path, _, request.query = path.partition(b"?")


def check_host(request: Request) -> None:
    """Exactly one Host in HTTP/1.1, well-formed, and equal to that of the target."""
    hosts = request.values(b"host")
    if not hosts and request.version != b"1.0":
        request.faults.add("HOST_MISSING")
    if len(hosts) > 1:
        request.faults.add("HOST_REPEATED")
    of_target = [request.host] if request.host else []
    if any(not _HOST.fullmatch(host) for host in [*hosts[:1], *of_target]):
        request.faults.add("HOST_INVALID")
    if hosts and of_target and _compared(hosts[0]) != _compared(request.host):
        request.faults.add("HOST_DIFFERS")
    if hosts and not of_target:
        request.host = hosts[0]


def _compared(host: bytes) -> bytes:
    """The host as servers compare it: without port and final dot, in lower case."""
    found = _NAME.match(host)
    return found[0].lower().removesuffix(b".") if found else host
