"""``blacklist``: the action for packets from sources on the blacklist."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason
from dataplane.policy.reasons import ReasonsRule


class BlacklistRule(ReasonsRule):
    """The action for packets from sources on the blacklist."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.BLACKLIST,)

    type: Literal["blacklist"]
