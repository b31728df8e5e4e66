"""``link``: the action for link control, and for frames that are not IP, beyond their limits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from dataplane.base.errors import InvalidInputError
from dataplane.native.abi import Reason
from dataplane.policy.reasons import ReasonsRule
from dataplane.policy.rule import only_by_default


class LinkRule(ReasonsRule):
    """The action for both limits of link control and of non-IP frames, or for the named one."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.LINK_LIMIT, Reason.NON_IP_LIMIT)

    type: Literal["link"]

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        yield from only_by_default(path, self.type)
        yield from super().check(path)
