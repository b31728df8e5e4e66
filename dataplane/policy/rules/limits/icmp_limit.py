"""``icmp_limit``: how much ICMP may come in a second."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ConfigDict

from dataplane.native.abi import Reason
from dataplane.policy.limit import NO_PREFIX, PACKETS_MAX, LimitRule


class IcmpLimitRule(LimitRule):
    """As a rate limit, but of ICMP and ICMPv6 packets alone."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [NO_PREFIX, {"properties": {"value": {"maximum": PACKETS_MAX}}}]
        }
    )

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.ICMP_LIMIT,)
    ICMP_ONLY: ClassVar[bool] = True

    type: Literal["icmp_limit"]
