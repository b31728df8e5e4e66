"""Permitted targets of webhooks: public addresses over TLS, and hosts that the operator allows by
name.

A host name is resolved for each attempt; all of its addresses are checked, and the connection uses
one of them. So a second look-up can't return another address (DNS rebinding). IPv4 addresses within
IPv6 (mapped, 6to4, NAT64, Teredo) are checked as IPv4.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""Resolves a host name and port to texts of addresses; raises OSError."""

URL_CHARACTERS_MAX = 2048
_PORTS = {"https": 443, "http": 80}
_LEADING = (
    IPv6Network("64:ff9b::/96"),  # NAT64: RFC 6052 section 2.1
    IPv6Network("::/96"),  # IPv4-compatible: RFC 4291 section 2.5.5.1
)
"""Prefixes whose last 32 bits are an IPv4 address."""
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")  # RFC 8215: prefixes for use within a network
_VISIBLE = re.compile(r"[!-~]+")


class TargetError(ValueError):
    """A receiver to which no connection is permitted; the message has the reason."""


@dataclass(frozen=True)
class Target:
    """A receiver's URL, taken apart."""

    url: str
    scheme: str
    host: str
    """In lower case, without brackets and a final dot."""
    port: int
    request: str
    """Path and query, for the request line."""

    @classmethod
    def parse(cls, url: str, allow_hosts: Iterable[str] = ()) -> Target:
        """Parse a URL of the configuration.

        Raises `TargetError` for an invalid URL, or http to a host that is not allowed.
        """
        if len(url) > URL_CHARACTERS_MAX or not _VISIBLE.fullmatch(url):
            raise TargetError(f"must be 1 to {URL_CHARACTERS_MAX} printable ASCII characters")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise TargetError(f"is no URL: {error}") from None
        if parts.scheme not in _PORTS or not host:
            raise TargetError("must begin with https:// and a host")
        if parts.username is not None or parts.password is not None or parts.fragment:
            raise TargetError("must have neither user, password nor fragment")
        host = plain(host)
        if parts.scheme == "http" and host not in {plain(each) for each in allow_hosts}:
            raise TargetError(f"must be https, unless {host} is in webhooks.allow_hosts")
        query = f"?{parts.query}" if parts.query else ""
        port = port or _PORTS[parts.scheme]
        return cls(url, parts.scheme, host, port, f"{parts.path or '/'}{query}")

    @property
    def shown(self) -> str:
        """The URL for operators and metrics: without path and query, which may contain a secret."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"


def plain(host: str) -> str:
    """A host name in the form for comparisons."""
    return host.strip("[]").rstrip(".").lower()


def resolve(host: str, port: int) -> list[str]:
    """Ask the system; raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(each[4][0]) for each in found))


def addresses(target: Target, allow_hosts: Iterable[str], resolver: Resolve = resolve) -> list[str]:
    """The addresses of a receiver, all of them permitted.

    Raises `TargetError` if there are none, or one is not permitted; OSError of the resolver.
    """
    found = resolver(target.host, target.port)
    if not found:
        raise TargetError(f"{target.host} has no address")
    if target.host not in {plain(each) for each in allow_hosts}:
        for text in found:
            _check(target.host, text)
    return list(found)


def _check(host: str, text: str) -> None:
    address = _embedded(ip_address(text.partition("%")[0]))
    is_public = address.is_global and not address.is_multicast and address not in _LOCAL_NAT64
    if "%" in text or not is_public:
        known = text if text == host else f"{host} is {text}, which"
        raise TargetError(
            f"{known} is not public: name the host in webhooks.allow_hosts if that is meant"
        )


def _embedded(address: Address) -> Address:
    """The IPv4 address within an IPv6 address; the address itself if there is none."""
    if isinstance(address, IPv4Address):
        return address
    if any(address in prefix for prefix in _LEADING):
        return IPv4Address(address.packed[12:])
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
