"""``icmp_limit``: how much ICMP may come in a second."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason
from dataplane.policy.limit import LimitRule


class IcmpLimitRule(LimitRule):
    """As a rate limit, but of ICMP and ICMPv6 packets alone."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.ICMP_LIMIT,)
    ICMP_ONLY: ClassVar[bool] = True

    type: Literal["icmp_limit"]
