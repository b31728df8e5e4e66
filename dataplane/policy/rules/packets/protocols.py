"""``protocols``: the permitted IP protocols of packets from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, TypeAlias, get_args

from pydantic import Field

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Reason, Use
from dataplane.policy.rule import ALLOW_OR_DENY, Rule, mistake

Name: TypeAlias = Literal[
    "icmp",
    "igmp",
    "ipip",
    "tcp",
    "udp",
    "6in4",
    "gre",
    "esp",
    "ah",
    "icmpv6",
    "ospf",
    "pim",
    "sctp",
]
NUMBERS = dict(zip(get_args(Name), (1, 2, 4, 6, 17, 41, 47, 50, 51, 58, 89, 103, 132), strict=True))
"""IANA, protocol numbers."""
Protocols: TypeAlias = Annotated[
    Annotated[tuple[Annotated[int, Field(ge=0, le=255)] | Name, ...], Field(max_length=256)] | None,
    Field(default=None, exclude_if=lambda protocols: protocols is None),
]
_WORD_BITS = 64


class ProtocolsRule(Rule):
    """IP protocols: only those allowed, or all except those denied."""

    model_config = ALLOW_OR_DENY

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.PROTOCOLS,)
    TAGS: ClassVar[frozenset[str]] = frozenset(
        {"constrained-int", f"literal[{','.join(map(repr, get_args(Name)))}]"}
    )

    type: Literal["protocols"]
    allow: Protocols
    deny: Protocols

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        if (self.allow is None) == (self.deny is None):
            yield mistake(path, "protocols", "either 'allow' or 'deny'")

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        named = {NUMBERS[one] if isinstance(one, str) else one for one in self._items}
        for protocol in named if self.allow is None else set(range(256)) - named:
            profile.protocols[protocol // _WORD_BITS] |= 1 << protocol % _WORD_BITS
        profile.uses |= Use.PROTOCOLS

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        shown = ", ".join(map(str, self._items)) or "none"
        return "protocols listed", f"all but {shown}" if self.allow is None else f"only {shown}"

    @property
    def _items(self) -> tuple[int | str, ...]:
        return (self.allow if self.deny is None else self.deny) or ()
