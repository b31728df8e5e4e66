"""``fragments``: refuses fragments from outside."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native import abi
from dataplane.native.abi import Reason, Use
from dataplane.policy.rule import Rule


class FragmentsRule(Rule):
    """Fragments are refused."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.FRAGMENTS,)

    type: Literal["fragments"]

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        profile.uses |= Use.FRAGMENTS
