"""``encapsulation``: the handling of packets inside MPLS, PPPoE sessions, VXLAN and GRE."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Encapsulation, Reason, Use
from dataplane.policy.rule import Rule, mistake

VXLAN_PORT = 4789
"""UDP port assigned by IANA (RFC 7348, section 5)."""


class Inside(StrEnum):
    """The handling of an encapsulation."""

    JUDGE = "judge"
    """The node judges the packet inside."""
    PASS = "pass"  # noqa: S105 - no password
    """The node does not look inside; `link` limits MPLS and PPPoE."""
    REFUSE = "refuse"


class EncapsulationRule(Rule):
    """Sets for each encapsulation whether the node judges the packets inside. The action applies to
    the packets that the rule refuses."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.INNER_REFUSED,)

    type: Literal["encapsulation"]
    mpls: Inside = Inside.JUDGE
    """In a profile with targets it must be ``judge``: a frame of MPLS or PPPoE has no target."""
    pppoe: Inside = Inside.JUDGE
    vxlan: Inside = Inside.PASS
    """VXLAN and GRE: to the profile's targets, and from them."""
    vxlan_port: Annotated[int, Field(ge=1, le=65535)] = VXLAN_PORT
    """UDP destination port."""
    gre: Inside = Inside.PASS

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        if not path.startswith("profiles["):
            return
        for name, inside in (("mpls", self.mpls), ("pppoe", self.pppoe)):
            if inside is not Inside.JUDGE:
                limit = "only in the policy's own rules: a frame of MPLS or PPPoE has no target"
                yield mistake(f"{path}.{name}", inside.value, limit)

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        for kind, inside in self._inside().items():
            profile.inside[kind] = abi.Inside[inside.name]
        if self.vxlan is not Inside.PASS:
            profile.vxlan_port = self.vxlan_port
        if {self.vxlan, self.gre} != {Inside.PASS}:
            profile.uses |= Use.TUNNELS

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        said = [f"{kind.name.lower()} {inside.value}" for kind, inside in self._inside().items()]
        if self.vxlan is not Inside.PASS and self.vxlan_port != VXLAN_PORT:
            said.append(f"vxlan_port {self.vxlan_port}")
        return "encapsulation", ", ".join(said)

    def _inside(self) -> dict[Encapsulation, Inside]:
        return {
            Encapsulation.MPLS: self.mpls,
            Encapsulation.PPPOE: self.pppoe,
            Encapsulation.VXLAN: self.vxlan,
            Encapsulation.GRE: self.gre,
        }
