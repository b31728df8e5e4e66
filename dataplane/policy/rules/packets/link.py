"""``link``: what becomes of what is of the link or not IP, where there is too much of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Literal

from dataplane.base.errors import InvalidInputError
from dataplane.native.abi import Reason
from dataplane.policy.reasons import ReasonsRule
from dataplane.policy.rule import only_by_default


class LinkRule(ReasonsRule):
    """An action for both limits of what is of the link or not IP, or for the one it names."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.LINK_LIMIT, Reason.NON_IP_LIMIT)

    type: Literal["link"]

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        yield from only_by_default(path, self.type)
        yield from super().check(path)
