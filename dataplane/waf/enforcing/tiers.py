"""Which rules are compiled together, so that a new one is in force soon and a scan stays cheap.

Four tiers of databases: *hot* (at most 32 rules: compiled in a moment), *warm* (256: in less than a
second), *middle* (about 1,000: in seconds), *main* (all the others: in minutes for 50,000). A rule
goes into the smallest that has room, and moves on when a larger one is built behind it.

Pure values: no clock, no file.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Set
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

TierName: TypeAlias = Literal["main", "middle", "warm", "hot"]
TIERS: tuple[TierName, ...] = get_args(TierName)
"""The largest first."""

ROOM: Final[Mapping[TierName, int]] = {"middle": 2048, "warm": 256, "hot": 32}
"""Rules of each tier: the middle one has room for what comes while the main one is built, which
takes its time. With more, additions wait."""
FULL: Final[Mapping[TierName, int]] = {"middle": 1001, "warm": 192, "hot": 16}
"""From so many on the next larger tier is built behind it."""
_STEPS: tuple[tuple[TierName, TierName], ...] = (("middle", "warm"), ("warm", "hot"))
"""A small tier, and the one below that is emptied into it."""
_SMALL: tuple[TierName, ...] = ("middle", "warm", "hot")
DEAD_MIN = 1000
"""Deleted rules that are compiled in still, from which on building anew is worth it ..."""
DEAD_SHARE = 4
"""... if they are also a quarter of what the tier holds."""
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plan:
    """What to build next, and of which slots."""

    tier: TierName
    slots: frozenset[int]


@dataclass(frozen=True)
class Situation:
    """What there is."""

    live: Set[int]
    """Slots of all rules there are."""
    pending: frozenset[int]
    """Of those: no tier has them."""
    in_force: Mapping[TierName, frozenset[int]]
    """Slots that the databases of each tier name, dead ones included."""
    building: Mapping[TierName, frozenset[int]]
    main_dead: int = 0
    """Slots of the main tier whose rules are no more."""
    is_quiet: bool = False
    """Nothing has come for long: what is spread over the tiers may be brought together."""

    def home(self, tier: TierName) -> frozenset[int]:
        """Live slots that this tier is needed for: no larger one has them."""
        larger = [self.in_force.get(one, _NONE) for one in TIERS[: TIERS.index(tier)]]
        mine = self.in_force.get(tier, _NONE).difference(*larger)
        return frozenset(slot for slot in mine if slot in self.live)

    def is_needed(self, tier: TierName) -> bool:
        """Whether `home` has anything; the main tier's would take long to list."""
        if tier == "main":
            return not self.in_force.get(tier, _NONE).isdisjoint(self.live)
        return bool(self.home(tier))


def plans(now: Situation) -> list[Plan]:
    """What should be begun now; each tier at most once, and none that is being built."""
    home = {tier: now.home(tier) for tier in _SMALL}
    spread = _NONE.union(*home.values())
    main = _main_plan(now, spread | now.pending)
    found = [] if main is None else [main]
    waiting = now.pending.difference(*(now.building.get(tier, _NONE) for tier in _SMALL))
    if len(spread | waiting) > ROOM["middle"]:
        waiting -= now.building.get("main", _NONE) if main is None else main.slots
    for tier, below in _STEPS:
        smaller = _NONE.union(*(home[one] for one in _SMALL[_SMALL.index(below) :]))
        overflows = len(smaller | waiting) > ROOM[below]
        gathers = tier == "middle" and now.is_quiet and main is None
        wanted = home[tier] | smaller | waiting
        is_due = overflows or len(home[below]) >= FULL[below] or gathers
        is_possible = tier not in now.building and len(wanted) <= ROOM[tier]
        if is_due and is_possible and home[tier] < wanted:
            found.append(Plan(tier, wanted))
            waiting = _NONE if overflows else waiting
    room = ROOM["hot"] - len(home["hot"])
    if waiting and room > 0 and "hot" not in now.building:
        found.append(Plan("hot", home["hot"] | _first(waiting, room)))
    return found


def is_full(now: Situation) -> bool:
    """Whether rules wait that no tier has room for, until a larger one has been built."""
    waiting = now.pending.difference(*now.building.values())
    return bool(waiting) and len(now.home("hot")) >= ROOM["hot"]


def unneeded(now: Situation) -> list[TierName]:
    """Tiers that can be dropped: there is nothing left that they alone have."""
    return [tier for tier in TIERS if tier in now.in_force and not now.is_needed(tier)]


def _main_plan(now: Situation, small: Collection[int]) -> Plan | None:
    """All of it, if the smaller tiers are full, or much of the main one is dead."""
    if "main" in now.building or not now.live:
        return None
    main = now.in_force.get("main", _NONE)
    is_dead = now.main_dead >= DEAD_MIN and now.main_dead * DEAD_SHARE >= len(main)
    is_idle = now.is_quiet and bool(small) and bool(main)
    if is_dead or is_idle or len(small) >= FULL["middle"]:
        return Plan("main", frozenset(now.live))
    return None


def _first(slots: Collection[int], count: int) -> frozenset[int]:
    return frozenset(sorted(slots)[:count])
