"""Attacks without room among the incidents, summed up by profile.

Only the present strength of each family in each profile is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from dataplane.detection.findings import WHOLE, Finding, Place
from dataplane.detection.traffic import Traffic
from dataplane.native import abi


class Crowd:
    """The sums of the newest window."""

    def __init__(self) -> None:
        self.count = 0
        """Attacks that found no room, since the start; a continuing one counts once."""
        self._places: set[Place] = set()
        self._strength: dict[Place, int] = {}

    def strength(self, whole: Place) -> int:
        """The strength of that family in the whole profile."""
        return self._strength.get(whole, 0)

    def gather(
        self, without_room: Iterable[Finding], profiles: Mapping[int, Traffic]
    ) -> list[Finding]:
        """One finding for each family and profile, in place of the given ones."""
        found: dict[Place, Finding] = {}
        places = set()
        for finding in without_room:
            places.add(finding.place)
            place = finding.place._replace(kind=abi.Target.PROFILE, target=WHOLE)
            traffic = profiles.get(place.profile, finding.traffic)
            before = found[place].sign.value if place in found else 0
            sign = replace(finding.sign, value=before + finding.sign.value)
            found[place] = Finding(sign, place, traffic)
        self.count += len(places - self._places)
        self._places = places
        self._strength = {place: each.sign.value for place, each in found.items()}
        return list(found.values())
