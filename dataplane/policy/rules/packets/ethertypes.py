"""``ethertypes``: the permitted frames among those that are neither IP nor link control."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Reason, Use
from dataplane.policy.ranges import fill_ranges, merged
from dataplane.policy.rule import ALLOW_OR_DENY, Rule, mistake, only_by_default

NAMES: dict[str, tuple[int, int]] = {
    "llc": (0x0000, 0x05FF),
    "mpls": (0x8847, 0x8848),
    "pppoe": (0x8863, 0x8864),
    "macsec": (0x88E5, 0x88E5),
}
"""First and last EtherType; for ``llc`` the lengths in the place of an EtherType."""
EtherType: TypeAlias = (
    Annotated[int, Field(ge=0x0600, le=0xFFFF)] | Literal["llc", "mpls", "pppoe", "macsec"]
)
EtherTypes: TypeAlias = Annotated[
    Annotated[tuple[EtherType, ...], Field(max_length=abi.PORT_RANGES_MAX)] | None,
    Field(default=None, exclude_if=lambda ethertypes: ethertypes is None),
]


class EthertypesRule(Rule):
    """EtherTypes other than IP and link control: only those allowed, or all except those denied."""

    model_config = ALLOW_OR_DENY

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.ETHERTYPES,)
    TAGS: ClassVar[frozenset[str]] = frozenset(
        {"constrained-int", "literal['llc','mpls','pppoe','macsec']"}
    )

    type: Literal["ethertypes"]
    allow: EtherTypes
    deny: EtherTypes

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        yield from only_by_default(path, self.type)
        if (self.allow is None) == (self.deny is None):
            yield mistake(path, "ethertypes", "either 'allow' or 'deny'")

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        items = self.allow if self.deny is None else self.deny
        ranges = merged(NAMES[one] if isinstance(one, str) else (one, one) for one in items or ())
        fill_ranges(profile.ethertypes, ranges, is_deny=self.deny is not None)
        profile.uses |= Use.ETHERTYPES

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        items = self.allow if self.deny is None else self.deny
        shown = ", ".join(one if isinstance(one, str) else f"0x{one:04x}" for one in items or ())
        text = f"only {shown or 'none'}" if self.deny is None else f"all but {shown or 'none'}"
        return "ethertypes listed", text
