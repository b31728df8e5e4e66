"""``geo_block``: refuses sources in some countries."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import ClassVar, Literal

from dataplane.native.abi import Reason, Use
from dataplane.policy.geo import GeoRule


class GeoBlockRule(GeoRule):
    """Sources in these countries are refused."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.GEO_BLOCK,)
    USE: ClassVar[Use] = Use.GEO_BLOCK
    NAMES_UNKNOWN: ClassVar[Literal["allow", "block"]] = "block"

    type: Literal["geo_block"]

    def refused(self, codes: AbstractSet[str]) -> AbstractSet[str]:
        """See `GeoRule`."""
        return codes & self.named
