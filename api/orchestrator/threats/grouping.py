"""Groups incidents into threats. Two incidents are linked if they have one type, one target
contains the other, and they overlap in time or follow each other closely. Groups are the transitive
closure.

For n incidents with at most k prefix lengths, the cost is O(n k log n) in all cases: a node that
reports many of them on purpose costs no more than one under attack.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dataplane.base.networks import KEY_BITS, Network

GAP_MS = 30_000
"""Maximum gap between the end of an incident and the begin of a linked one."""

Target = Network | tuple[str, ...]
"""A network, or the words that name another kind of target."""


@dataclass(frozen=True)
class Spell:
    """The fields of an incident that grouping needs."""

    type: str
    target: Target
    start_ms: int
    end_ms: int


class _Union:
    """Disjoint sets of numbers with union (Tarjan 1975, with path halving)."""

    def __init__(self, count: int) -> None:
        self._parents = list(range(count))

    def root(self, of: int) -> int:
        parents = self._parents
        while parents[of] != of:
            parents[of] = parents[parents[of]]
            of = parents[of]
        return of

    def join(self, one: int, other: int) -> None:
        one, other = self.root(one), self.root(other)
        if one != other:
            self._parents[max(one, other)] = min(one, other)


@dataclass
class _Sessions:
    """Sessions on one target: linked incidents, in order of time, with gaps of more than `GAP_MS`
    in between."""

    starts: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)
    members: list[int] = field(default_factory=list)
    """One incident of each session."""
    joined: list[int] = field(default_factory=list)
    """For each session, a later one up to which all are joined through containing or contained
    targets."""

    def add(self, number: int, spell: Spell, union: _Union) -> None:
        """Add an incident; call in the order of their starts."""
        if self.ends and spell.start_ms <= self.ends[-1] + GAP_MS:
            self.ends[-1] = max(self.ends[-1], spell.end_ms)
            union.join(self.members[-1], number)
            return
        self.joined.append(len(self.starts))
        self.starts.append(spell.start_ms)
        self.ends.append(spell.end_ms)
        self.members.append(number)

    def join(self, other: _Sessions, union: _Union) -> None:
        """Join with the sessions of a target within this one."""
        for start, end, member in zip(other.starts, other.ends, other.members, strict=True):
            first = bisect_left(self.ends, start - GAP_MS)
            last = bisect_right(self.starts, end + GAP_MS) - 1
            if first <= last:
                union.join(member, self.members[first])
                self._join_all(first, last, union)

    def _join_all(self, first: int, last: int, union: _Union) -> None:
        """Join the sessions from the first to the last; neighbours are joined at most once."""
        at = self._end(first)
        while at < last:
            union.join(self.members[at], self.members[at + 1])
            self.joined[at] = at + 1
            at = self._end(at)

    def _end(self, at: int) -> int:
        joined = self.joined
        while joined[at] != at:
            joined[at] = joined[joined[at]]
            at = joined[at]
        return at


def group(spells: Sequence[Spell]) -> list[list[int]]:
    """The incidents of each threat, as indices into ``spells``, in ascending order."""
    union = _Union(len(spells))
    by_type: dict[str, list[int]] = defaultdict(list)
    for number, spell in enumerate(spells):
        by_type[spell.type].append(number)
    for numbers in by_type.values():
        _link(spells, numbers, union)
    found: dict[int, list[int]] = defaultdict(list)
    for number in range(len(spells)):
        found[union.root(number)].append(number)
    return list(found.values())


def _link(spells: Sequence[Spell], numbers: Iterable[int], union: _Union) -> None:
    targets: dict[Target, _Sessions] = defaultdict(_Sessions)
    for number in sorted(numbers, key=lambda each: spells[each].start_ms):
        targets[spells[number].target].add(number, spells[number], union)
    networks = [each for each in targets if isinstance(each, Network)]
    lengths = sorted({(each.family, each.prefix_length) for each in networks})
    for each in networks:
        for family, length in lengths:
            if family == each.family and length < each.prefix_length:
                around = targets.get(_shortened(each, length))
                if around is not None:
                    around.join(targets[each], union)


def _shortened(network: Network, length: int) -> Network:
    shift = KEY_BITS - length
    key = int.from_bytes(network.key, "big") >> shift << shift
    return Network(key.to_bytes(16, "big"), length)
