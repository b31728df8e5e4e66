"""``link``: what becomes of what is of the link or not IP, where there is too much of it."""

from __future__ import annotations

from typing import ClassVar, Literal

from dataplane.native.abi import Reason
from dataplane.policy.reasons import ReasonsRule
from dataplane.policy.rule import refuse_in_profile


class LinkRule(ReasonsRule):
    """An action for both limits of what is of the link or not IP, or for the one it names."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.LINK_LIMIT, Reason.NON_IP_LIMIT)

    type: Literal["link"]

    def check(self, path: str) -> None:
        """See `Rule`."""
        refuse_in_profile(path, self.type)
        super().check(path)
