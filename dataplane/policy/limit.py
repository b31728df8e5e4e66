"""The common part of rate limits: a token bucket, and the packets that pay into it."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from pydantic import Field

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Reason, Scope, Unit, Use
from dataplane.policy.rule import OptionalInt, Rule, mistake

PACKETS_MAX = 100_000_000
BITS_MIN, BITS_MAX = 8_000, 400_000_000_000
BURST_BITS_MIN = 80_000
"""A frame of 9,000 bytes or a little more must fit into the bucket."""
BURST_PACKETS_DEFAULT_MIN = 10
BURST_SECONDS_MAX = 60
"""Time in which an empty bucket becomes full."""
_SECOND_Q16 = 10**9 << 16
_BURST_Q16_MAX = abi.LIMIT_BURST_S_MAX * _SECOND_Q16


class Per(StrEnum):
    """The packets that a limit counts together."""

    SOURCE = "source"
    PREFIX = "prefix"
    DESTINATION = "destination"
    GLOBAL = "global"


_BITS = {
    Per.SOURCE: (32, 64),
    Per.PREFIX: (24, 48),
    Per.DESTINATION: (32, 128),
    Per.GLOBAL: (0, 0),
}
"""Leading bits that select the bucket. An IPv6 source is a /64, because a host with one address can
use all addresses of its /64."""
NO_PREFIX: dict[str, Any] = {
    "if": {"properties": {"per": {"enum": [Per.SOURCE.value, Per.GLOBAL.value]}}},
    "then": {"properties": {"prefix_ipv4": {"type": "null"}, "prefix_ipv6": {"type": "null"}}},
}
"""In the schema of a limit: prefix lengths only for limits by prefix."""
_SHARED = {Per.PREFIX, Per.DESTINATION, Per.GLOBAL}
"""Limits to which several lcores contribute."""


class LimitRule(Rule):
    """The base of the types of limits; a profile has room for one of each kind."""

    ICMP_ONLY: ClassVar[bool] = False

    value: Annotated[int, Field(ge=1)]
    per: Per = Per.SOURCE
    burst: Annotated[OptionalInt, Field(ge=1)]
    prefix_ipv4: Annotated[OptionalInt, Field(ge=1, le=32)]
    prefix_ipv6: Annotated[OptionalInt, Field(ge=1, le=128)]

    @property
    def counted(self) -> Unit:
        """The unit that the limit counts."""
        return Unit.PACKETS

    @property
    def full(self) -> int:
        """Capacity of the bucket in packets or bits: the configured burst, else the amount of one
        second."""
        least = BURST_BITS_MIN if self.counted is Unit.BITS else BURST_PACKETS_DEFAULT_MIN
        return self.burst if self.burst is not None else max(self.value, least)

    @property
    def reason(self) -> Reason:
        """The reason of the limit."""
        return self.reasons_set[0]

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        unit, is_bits = self.counted.name.lower(), self.counted is Unit.BITS
        least, most = (BITS_MIN, BITS_MAX) if is_bits else (1, PACKETS_MAX)
        if not least <= self.value <= most:
            yield mistake(f"{path}.value", self.value, f"{least:,} to {most:,} {unit} per second")
        burst_least = BURST_BITS_MIN if is_bits else 1
        burst_most = BURST_SECONDS_MAX * self.value
        if not burst_least <= self.full <= max(burst_most, burst_least):
            limit = f"{burst_least:,} to {burst_most:,} {unit} ({BURST_SECONDS_MAX} s of value)"
            yield mistake(f"{path}.burst", self.full, limit)
        if self.per not in {Per.PREFIX, Per.DESTINATION}:
            for name in ("prefix_ipv4", "prefix_ipv6"):
                if (value := getattr(self, name)) is not None:
                    yield mistake(f"{path}.{name}", value, "only with per prefix or destination")

    def fill(self, profile: abi.Profile, lcores: int) -> None:
        """See `Rule`."""
        self.fill_limit(profile.limit[profile.limit_count], lcores)
        profile.limit_count += 1
        profile.uses |= Use.LIMITS

    def fill_limit(self, limit: abi.Limit, lcores: int) -> None:
        """Fill in a limit; one that several sources share is divided evenly among the lcores."""
        share = lcores if self.per in _SHARED else 1
        increment_q16 = max(1, round(_SECOND_Q16 * share / self.value))
        least = BURST_BITS_MIN if self.counted is Unit.BITS else 1
        burst_q16 = increment_q16 * max(least, self.full // share)
        bits_ipv4, bits_ipv6 = _BITS[self.per]
        limit.increment_q16 = increment_q16
        limit.burst_q16 = max(increment_q16, min(burst_q16, _BURST_Q16_MAX))
        limit.scope, limit.unit = Scope[self.per.name], self.counted
        limit.reason, limit.icmp_only = self.reason, self.ICMP_ONLY
        limit.bits_ipv4 = self.prefix_ipv4 or bits_ipv4
        limit.bits_ipv6 = self.prefix_ipv6 or bits_ipv6

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        unit = self.counted.name.lower()
        lengths = {"IPv4": self.prefix_ipv4, "IPv6": self.prefix_ipv6}
        prefix = "".join(f", {name} /{length}" for name, length in lengths.items() if length)
        text = f"{self.value} {unit}/s per {self.per}{prefix}, burst {self.full}"
        return f"{self.reason.name.lower()} limit", text
