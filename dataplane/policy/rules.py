"""What a rule of each type says, and the limits of its fields."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from dataplane import abi
from dataplane.countries.codes import COUNTRIES

PACKETS_MAX = 100_000_000
BITS_MIN, BITS_MAX = 8_000, 400_000_000_000
BURST_BITS_MIN = 80_000
"""A frame of 9,000 bytes and more has room in the bucket."""
BURST_PACKETS_DEFAULT_MIN = 10
CONNECTIONS_OF_SOURCE_MAX = 1_000_000
BURST_SECONDS_MAX = 60
"""In which an empty bucket is full again."""


class Action(StrEnum):
    """What becomes of a packet that a rule hits."""

    ENFORCE = "enforce"
    MONITOR = "monitor"
    OFF = "off"


class Per(StrEnum):
    """Whose packets a limit counts together."""

    SOURCE = "source"
    PREFIX = "prefix"
    DESTINATION = "destination"
    GLOBAL = "global"


class _Rule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    action: Action = Action.ENFORCE


Reasons: TypeAlias = Annotated[
    Annotated[tuple[str, ...], Field(min_length=1, max_length=64)] | None,
    Field(default=None, exclude_if=lambda reasons: reasons is None),
]


class SanityRule(_Rule):
    """An action for all reasons of the sanity stage, or for those it names."""

    type: Literal["sanity"]
    reasons: Reasons


class BlacklistRule(_Rule):
    """An action for the blacklist."""

    type: Literal["blacklist"]
    reasons: Reasons


class ConnectionStateRule(_Rule):
    """An action for all reasons about connections, or for those it names."""

    type: Literal["connection_state"]
    reasons: Reasons


class ConnectionLimitRule(_Rule):
    """New connections of a source that has as many established as this are refused."""

    type: Literal["connection_limit"]
    value: Annotated[int, Field(ge=1, le=CONNECTIONS_OF_SOURCE_MAX)]


OptionalInt: TypeAlias = Annotated[
    int | None, Field(default=None, exclude_if=lambda value: value is None)
]


class _Limit(_Rule):
    value: Annotated[int, Field(ge=1)]
    per: Per = Per.SOURCE
    burst: Annotated[OptionalInt, Field(ge=1)]
    prefix_ipv4: Annotated[OptionalInt, Field(ge=1, le=32)]
    prefix_ipv6: Annotated[OptionalInt, Field(ge=1, le=128)]


class RateLimitRule(_Limit):
    """Packets, bits or new connections per second, of each source, prefix or destination, or of all
    together."""

    type: Literal["rate_limit"]
    unit: Literal["packets", "bits", "connections"] = "packets"


class IcmpLimitRule(_Limit):
    """As a rate limit, but of ICMP and ICMPv6 packets alone."""

    type: Literal["icmp_limit"]


class FragmentsRule(_Rule):
    """Fragments are refused."""

    type: Literal["fragments"]


Port: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
PortItem: TypeAlias = Port | Annotated[str, Field(pattern="^[0-9]{1,5}-[0-9]{1,5}$")]
Ports: TypeAlias = Annotated[
    Annotated[tuple[PortItem, ...], Field(max_length=64)] | None,
    Field(default=None, exclude_if=lambda ports: ports is None),
]


class PortsRule(_Rule):
    """Destination ports of one protocol: those alone, or all but those."""

    type: Literal["ports"]
    protocol: Literal["tcp", "udp"]
    allow: Ports
    deny: Ports


class Reflector(BaseModel):
    """A UDP service that answers with more than it was asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    port: Port
    size_min: Annotated[int, Field(ge=8, le=65535)] = 8
    """Bytes of the UDP datagram, its header of 8 included, from which on it is refused."""


class GeoRule(_Rule):
    """A rule about the country of a source."""

    countries: Annotated[
        tuple[Annotated[str, Field(pattern="^[A-Z]{2}$")], ...],
        Field(min_length=1, max_length=len(COUNTRIES)),
    ]

    def refused(self, codes: AbstractSet[str]) -> AbstractSet[str]:
        """Those of some countries that the rule refuses."""
        named = set(self.countries)
        return codes & named if self.type == "geo_block" else codes - named


class GeoBlockRule(GeoRule):
    """Sources in these countries are refused."""

    type: Literal["geo_block"]


class GeoAllowRule(GeoRule):
    """Sources in no other country are taken."""

    type: Literal["geo_allow"]


class UdpAmplificationRule(_Rule):
    """Answers of reflectors are refused; without a list of them, those of the shipped one."""

    type: Literal["udp_amplification"]
    reflectors: Annotated[
        Annotated[tuple[Reflector, ...], Field(min_length=1, max_length=abi.REFLECTORS_MAX)] | None,
        Field(default=None, exclude_if=lambda reflectors: reflectors is None),
    ]


AnyLimit: TypeAlias = RateLimitRule | IcmpLimitRule
Rule: TypeAlias = Annotated[
    SanityRule
    | BlacklistRule
    | RateLimitRule
    | IcmpLimitRule
    | FragmentsRule
    | PortsRule
    | UdpAmplificationRule
    | GeoBlockRule
    | GeoAllowRule
    | ConnectionStateRule
    | ConnectionLimitRule,
    Field(discriminator="type"),
]
RULE_TYPES = (
    *("sanity", "blacklist", "rate_limit", "icmp_limit"),
    *("fragments", "ports", "udp_amplification", "geo_block", "geo_allow"),
    *("connection_state", "connection_limit"),
)
