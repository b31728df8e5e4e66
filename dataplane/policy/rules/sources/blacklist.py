"""``blacklist``: what becomes of packets from sources on the blacklist."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason
from dataplane.policy.reasons import ReasonsRule


class BlacklistRule(ReasonsRule):
    """An action for the blacklist."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.BLACKLIST,)

    type: Literal["blacklist"]
