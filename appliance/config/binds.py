"""``address:port`` as the configuration writes it; an IPv6 address stands in brackets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

_FORM = re.compile(r"(?:\[(?P<v6>[^\]]+)\]|(?P<v4>[^\[\]:]+)):(?P<port>[0-9]{1,5})")
_PORT_MAX = 65_535


@dataclass(frozen=True)
class Bind:
    """The address and port of a listening process."""

    address: IPv4Address | IPv6Address
    port: int

    @classmethod
    def parse(cls, text: str) -> Bind:
        """Read ``127.0.0.1:9999`` or ``[::1]:9999``; names are refused: too late to resolve.

        Raises:
            ValueError: it names the limit.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError("must be ADDRESS:PORT, an IPv6 address in brackets")
        port = int(match["port"])
        if not 1 <= port <= _PORT_MAX:
            raise ValueError(f"port must be between 1 and {_PORT_MAX}")
        host = match["v6"] or match["v4"]
        try:
            address = ip_address(host)
        except ValueError:
            raise ValueError(f"{host!r} is not an IP address") from None
        if (address.version == 6) != (match["v6"] is not None):  # noqa: PLR2004
            raise ValueError("must be ADDRESS:PORT, an IPv6 address in brackets")
        return cls(address, port)

    def collides(self, other: Bind) -> bool:
        """Whether the kernel would refuse to listen on both.

        A wildcard takes the port on every address; ``[::]`` takes it from IPv4 too, as
        ``net.ipv6.bindv6only`` is 0 by default.
        """
        if self.port != other.port:
            return False
        return self.address == other.address or self._covers(other) or other._covers(self)

    def _covers(self, other: Bind) -> bool:
        return self.address.is_unspecified and self.address.version >= other.address.version
