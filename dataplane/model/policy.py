"""A policy as the stages read it: what protects each set of destinations."""

from __future__ import annotations

from dataclasses import dataclass, field

from dataplane.model.packet import UDP_BYTES
from dataplane.native.abi import (
    HTTP_BODY_LIMIT,
    SYN_RATE_DEFAULT,
    Encapsulation,
    Inside,
    Mode,
    Reason,
    Scope,
    SynProxy,
    Unit,
)


@dataclass(frozen=True)
class Limit:
    """A token bucket, its tokens expressed as the time that they take to come in.

    Times are nanoseconds with 16 fractional bits.
    """

    reason: Reason
    increment_q16: int
    """What a packet or a bit costs: the time in which one comes in."""
    burst_q16: int
    """What a full bucket holds."""
    scope: Scope
    unit: Unit = Unit.PACKETS
    icmp_only: bool = False
    bits_ipv4: int = 32
    """Of an address that are told apart; those behind them are taken together."""
    bits_ipv6: int = 128


@dataclass(frozen=True)
class RequestLimit:
    """Of HTTP requests."""

    limit: Limit
    path: bytes = b""
    """Those whose path begins like that."""


@dataclass(frozen=True)
class PortRule:
    """Destination ports that are refused, or all but which are: first and last of each range."""

    ranges: tuple[tuple[int, int], ...]
    is_deny: bool = False

    def refuses(self, port: int) -> bool:
        """Whether it refuses a destination port."""
        inside = any(first <= port <= last for first, last in self.ranges)
        return inside is self.is_deny


@dataclass(frozen=True)
class Reflector:
    """Which UDP datagrams of a service are taken for answers to forged questions."""

    size_min: int
    """Bytes, header included."""
    ntp_modes: frozenset[int] = frozenset()
    """Those alone that are NTP of one of these modes (RFC 5905, section 7.3); none: all."""

    def refuses(self, size: int, payload: bytes) -> bool:
        """Whether it refuses a datagram; ``payload``: as much of it as can be read."""
        if not self.ntp_modes:
            return size >= self.size_min
        has_mode = size > UDP_BYTES and payload
        return bool(has_mode) and size >= self.size_min and payload[0] & 7 in self.ntp_modes


@dataclass(frozen=True)
class Http:
    """Which connections speak HTTP, and how they are followed."""

    ports: frozenset[int] = frozenset()
    """None: no connection is inspected."""
    body_limit: int = HTTP_BODY_LIMIT
    """Bytes of a body that are."""
    fail_closed: bool = False
    """What can't be inspected is reset."""
    pass_other: bool = False
    """What does not begin like HTTP/1 passes."""


@dataclass
class Profile:
    """What protects one set of destinations: a mode for each reason; those not named enforce."""

    mode: dict[Reason, Mode] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    fragments: bool = False
    """Whether they are refused."""
    protocols: frozenset[int] = frozenset()
    """IP protocols that are refused."""
    bogons: bool = False
    """Whether sources with a special-purpose address are refused."""
    ports_tcp: PortRule | None = None
    ports_udp: PortRule | None = None
    ethertypes: PortRule | None = None
    """Of the default profile alone: for frames that are neither IP nor link control."""
    inside: dict[Encapsulation, Inside] = field(default_factory=dict)
    """Of the default profile alone; what is not named is judged."""
    reflectors: dict[int, Reflector] = field(default_factory=dict)
    """By the source port of what they send."""
    geo_block: frozenset[int] = frozenset()
    """Numbers of countries that are refused."""
    geo_allow: frozenset[int] | None = None
    """Of those that alone are taken; None: all are."""
    request_limits: tuple[RequestLimit, ...] = ()
    http: Http = field(default_factory=Http)
    connections_max: int = 0
    """That one source may have established; 0: any number."""
    syn_proxy: SynProxy = SynProxy.OFF
    syn_rate: int = SYN_RATE_DEFAULT
    """AUTO: more SYNs a second to one destination switch it on."""

    def refuses_tcp(self, port: int) -> bool:
        """Whether a destination port is refused."""
        return self.ports_tcp is not None and self.ports_tcp.refuses(port)

    def refuses_udp(self, port: int) -> bool:
        """Whether a destination port is refused."""
        return self.ports_udp is not None and self.ports_udp.refuses(port)
