"""A policy in the form that the stages read: the profiles of the destinations."""

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
    """A token bucket; its tokens are expressed as the time that they take to arrive.

    Times are nanoseconds with 16 fractional bits.
    """

    reason: Reason
    increment_q16: int
    """Cost of a packet or a bit: the time in which one token arrives."""
    burst_q16: int
    """Capacity of the bucket."""
    scope: Scope
    unit: Unit = Unit.PACKETS
    icmp_only: bool = False
    bits_ipv4: int = 32
    """Leading bits of an address that select the bucket; addresses with equal ones
    share a bucket."""
    bits_ipv6: int = 128


@dataclass(frozen=True)
class RequestLimit:
    """A limit of HTTP requests."""

    limit: Limit
    path: bytes = b""
    """Only requests whose path begins with this."""


@dataclass(frozen=True)
class PortRule:
    """Destination ports that are refused, or all others are; first and last port of each range."""

    ranges: tuple[tuple[int, int], ...]
    is_deny: bool = False

    def refuses(self, port: int) -> bool:
        """Whether the rule refuses a destination port."""
        inside = any(first <= port <= last for first, last in self.ranges)
        return inside is self.is_deny


@dataclass(frozen=True)
class Reflector:
    """UDP datagrams of a service that count as answers to forged requests."""

    size_min: int
    """Minimum size in bytes, header included."""
    ntp_modes: frozenset[int] = frozenset()
    """Only NTP of one of these modes (RFC 5905, section 7.3); empty: all."""

    def refuses(self, size: int, payload: bytes) -> bool:
        """Whether the rule refuses a datagram; ``payload``: its readable part."""
        if not self.ntp_modes:
            return size >= self.size_min
        has_mode = size > UDP_BYTES and payload
        return bool(has_mode) and size >= self.size_min and payload[0] & 7 in self.ntp_modes


@dataclass(frozen=True)
class Http:
    """The connections that are HTTP, and the settings of their inspection."""

    ports: frozenset[int] = frozenset()
    """Ports; None: no connection is inspected."""
    body_limit: int = HTTP_BODY_LIMIT
    """Bytes of a body that are inspected."""
    fail_closed: bool = False
    """Connections that can't be inspected are reset."""
    pass_other: bool = False
    """Connections that do not begin like HTTP/1 pass."""


@dataclass
class Profile:
    """The settings for one set of destinations; reasons that are not in ``modes`` enforce."""

    mode: dict[Reason, Mode] = field(default_factory=dict)
    limits: tuple[Limit, ...] = ()
    fragments: bool = False
    """Whether fragments are refused."""
    protocols: frozenset[int] = frozenset()
    """IP protocols that are refused."""
    bogons: bool = False
    """Whether sources with a special-purpose address are refused."""
    ports_tcp: PortRule | None = None
    ports_udp: PortRule | None = None
    ethertypes: PortRule | None = None
    """The rule about frames that are neither IP nor link control; only the default profile has
    one."""
    inside: dict[Encapsulation, Inside] = field(default_factory=dict)
    """Actions by encapsulation. MPLS and PPPoE: only the default profile has them, and packets in
    encapsulations that are not named are judged. VXLAN and GRE that are not named pass."""
    vxlan_port: int = 4789
    """UDP destination port of VXLAN."""
    reflectors: dict[int, Reflector] = field(default_factory=dict)
    """Reflectors by the source port of the datagrams."""
    geo_block: frozenset[int] = frozenset()
    """Numbers of refused countries."""
    geo_allow: frozenset[int] | None = None
    """Numbers of the only allowed countries; None: all are allowed."""
    request_limits: tuple[RequestLimit, ...] = ()
    http: Http = field(default_factory=Http)
    connections_max: int = 0
    """Established connections that one source may have; 0: any number."""
    syn_proxy: SynProxy = SynProxy.OFF
    syn_rate: int = SYN_RATE_DEFAULT
    """AUTO: more SYNs per second to one destination switch the SYN proxy on."""

    def refuses_tcp(self, port: int) -> bool:
        """Whether the profile refuses a TCP destination port."""
        return self.ports_tcp is not None and self.ports_tcp.refuses(port)

    def refuses_udp(self, port: int) -> bool:
        """Whether the profile refuses a UDP destination port."""
        return self.ports_udp is not None and self.ports_udp.refuses(port)
