"""``encapsulation``: what becomes of packets inside MPLS and PPPoE sessions."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar, Literal

from dataplane.base.errors import InvalidInputError
from dataplane.native import abi
from dataplane.native.abi import Encapsulation, Reason
from dataplane.policy.rule import Rule, only_by_default


class Inside(StrEnum):
    """What a policy wants of an encapsulation."""

    JUDGE = "judge"
    """The packet inside is judged."""
    PASS = "pass"  # noqa: S105 - no password
    """Nobody looks inside; `link` limits it."""
    REFUSE = "refuse"


class EncapsulationRule(Rule):
    """For each encapsulation, whether the packets inside are judged; its action is of those that
    are refused."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.INNER_REFUSED,)

    type: Literal["encapsulation"]
    mpls: Inside = Inside.JUDGE
    pppoe: Inside = Inside.JUDGE

    def check(self, path: str) -> Iterator[InvalidInputError]:
        """See `Rule`."""
        yield from only_by_default(path, self.type)

    def fill(self, profile: abi.Profile, lcores: int) -> None:  # noqa: ARG002 - lcores share nothing
        """See `Rule`."""
        for kind, inside in self._inside().items():
            profile.inside[kind] = abi.Inside[inside.name]

    def setting(self) -> tuple[str, str]:
        """See `Rule`."""
        said = (f"{kind.name.lower()} {inside.value}" for kind, inside in self._inside().items())
        return "encapsulation", ", ".join(said)

    def _inside(self) -> dict[Encapsulation, Inside]:
        return {Encapsulation.MPLS: self.mpls, Encapsulation.PPPOE: self.pppoe}
