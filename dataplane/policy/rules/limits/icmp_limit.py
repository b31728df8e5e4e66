"""``icmp_limit``: the maximum of ICMP packets per second."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict

from dataplane.native.abi import Reason
from dataplane.policy.limit import NO_PREFIX, PACKETS_MAX, LimitRule


class IcmpLimitRule(LimitRule):
    """A rate limit for ICMP and ICMPv6 packets only."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [NO_PREFIX, {"properties": {"value": {"maximum": PACKETS_MAX}}}]
        }
    )

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.ICMP_LIMIT,)
    ICMP_ONLY: ClassVar[bool] = True

    type: Literal["icmp_limit"]
