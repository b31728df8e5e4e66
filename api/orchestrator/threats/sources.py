"""Merges the attackers of several nodes from their sketches.

A sketch has the heaviest sources, each with a bound of its counting error. In a sum the errors add
up; if a sketch of the same threat does not have a source, that source may have sent as much as the
smallest source in the sketch (Agarwal et al., Mergeable Summaries, 2012).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Sketch:
    """The heaviest sources of one incident."""

    sources: Sequence[tuple[str, str, int, int]]
    """Address, country, packets, error."""
    distinct: int
    """Estimated number of sources."""

    @property
    def unnamed_packets(self) -> int:
        """The most packets that a source outside of the sketch can have sent."""
        if self.distinct <= len(self.sources) or not self.sources:
            return 0
        return min(packets for _, _, packets, _ in self.sources)


@dataclass(slots=True)
class Attacker:
    """One source."""

    address: str
    country: str
    attacks: int = 0
    """Incidents that include it."""
    packets: int = 0
    error: int = 0
    """Bound of the error of ``packets``, approximately."""


Attackers = dict[str, Attacker]
ATTACKERS_MAX = 20_000
"""Beyond this number, the lighter half is dropped."""


class Merger:
    """Merges the sources of one threat, sketch by sketch."""

    def __init__(self) -> None:
        self._found: Attackers = {}
        self._unnamed: dict[str, int] = {}
        """For each source, the number of other sources' packets that the sketches with it may have
        missed."""
        self._all_unnamed = 0

    def add(self, sketch: Sketch) -> None:
        """Add an incident."""
        least = sketch.unnamed_packets
        self._all_unnamed += least
        for address, country, packets, error in sketch.sources:
            one = self._found.setdefault(address, Attacker(address, country))
            one.attacks += 1
            one.packets += packets
            one.error += error
            self._unnamed[address] = self._unnamed.get(address, 0) + least
        _bound(self._found)

    def result(self) -> Attackers:
        """Attackers by address."""
        return {
            address: replace(one, error=one.error + self._all_unnamed - self._unnamed[address])
            for address, one in self._found.items()
        }


def add(total: Attackers, more: Attackers) -> None:
    """Sum up over threats."""
    for address, one in more.items():
        into = total.setdefault(address, Attacker(address, one.country))
        into.attacks += one.attacks
        into.packets += one.packets
        into.error += one.error
    _bound(total)


def top(attackers: Attackers, count: int) -> list[Attacker]:
    """The attackers with the most attacks, among equal ones the heaviest."""
    order = sorted(
        attackers.values(), key=lambda each: (-each.attacks, -each.packets, each.address)
    )
    return order[:count]


def _bound(attackers: Attackers) -> None:
    if len(attackers) > ATTACKERS_MAX:
        kept = top(attackers, ATTACKERS_MAX // 2)
        attackers.clear()
        attackers.update((each.address, each) for each in kept)
