"""``geo_allow``: refuses sources outside of some countries."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import ClassVar, Literal

from dataplane.native.abi import Reason, Use
from dataplane.policy.geo import GeoRule


class GeoAllowRule(GeoRule):
    """Only sources in these countries are allowed."""

    REASONS: ClassVar[tuple[Reason, ...]] = (Reason.GEO_ALLOW,)
    USE: ClassVar[Use] = Use.GEO_ALLOW
    NAMES_UNKNOWN: ClassVar[Literal["allow", "block"]] = "allow"

    type: Literal["geo_allow"]

    def refused(self, codes: AbstractSet[str]) -> AbstractSet[str]:
        """See `GeoRule`."""
        return codes - self.named
