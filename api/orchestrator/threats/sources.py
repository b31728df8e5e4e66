"""Attackers, merged from the sketches of the nodes.

A sketch names the heaviest sources, each with the packets that it may have counted too much or too
little. In a sum the errors add up; where a sketch of the same threat does not name a source, that
one may have sent as much as the least that is named (Agarwal et al., Mergeable Summaries, 2012).
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
    """So many sources there are, estimated."""

    @property
    def unnamed_packets(self) -> int:
        """At most so many a source has sent that is not named."""
        if self.distinct <= len(self.sources) or not self.sources:
            return 0
        return min(packets for _, _, packets, _ in self.sources)


@dataclass(slots=True)
class Attacker:
    """One source."""

    address: str
    country: str
    attacks: int = 0
    """Incidents that name it."""
    packets: int = 0
    error: int = 0
    """``packets`` is at most about so many too high or too low."""


Attackers = dict[str, Attacker]
ATTACKERS_MAX = 20_000
"""When there are more, the lighter half is forgotten."""


class Merger:
    """The sources of one threat, put together from one sketch after the other."""

    def __init__(self) -> None:
        self._found: Attackers = {}
        self._unnamed: dict[str, int] = {}
        """Of each source: what the sketches that name it may hide of others."""
        self._all_unnamed = 0

    def add(self, sketch: Sketch) -> None:
        """One more incident."""
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
        """By address."""
        return {
            address: replace(one, error=one.error + self._all_unnamed - self._unnamed[address])
            for address, one in self._found.items()
        }


def add(total: Attackers, more: Attackers) -> None:
    """Sum over threats."""
    for address, one in more.items():
        into = total.setdefault(address, Attacker(address, one.country))
        into.attacks += one.attacks
        into.packets += one.packets
        into.error += one.error
    _bound(total)


def top(attackers: Attackers, count: int) -> list[Attacker]:
    """Those with the most attacks, of these the heaviest."""
    order = sorted(
        attackers.values(), key=lambda each: (-each.attacks, -each.packets, each.address)
    )
    return order[:count]


def _bound(attackers: Attackers) -> None:
    if len(attackers) > ATTACKERS_MAX:
        kept = top(attackers, ATTACKERS_MAX // 2)
        attackers.clear()
        attackers.update((each.address, each) for each in kept)
