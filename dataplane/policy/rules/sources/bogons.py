"""``bogons``: refuses packets from outside with a source that no host on the internet can have."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native import abi
from dataplane.native.abi import Reason, Use
from dataplane.policy.rule import Rule


class BogonsRule(Rule):
    """Sources with a special-purpose address (RFC 6890) are refused."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.BOGONS,)

    type: Literal["bogons"]

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        profile.uses |= Use.BOGONS
