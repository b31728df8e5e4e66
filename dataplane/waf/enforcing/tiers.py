"""The tiers of rules that are compiled together, so that a new rule is in force soon and a scan
stays cheap.

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
"""Rules of each tier. The middle one has room for additions during a build of the main one, which
takes long. Beyond that, additions wait."""
FULL: Final[Mapping[TierName, int]] = {"middle": 1001, "warm": 192, "hot": 16}
"""From this number on, the next larger tier is built."""
_STEPS: tuple[tuple[TierName, TierName], ...] = (("middle", "warm"), ("warm", "hot"))
"""A small tier, and the larger one into which it is emptied."""
_SMALL: tuple[TierName, ...] = ("middle", "warm", "hot")
DEAD_MIN = 1000
"""Number of deleted rules in a tier from which a rebuild is worthwhile ..."""
DEAD_SHARE = 4
"""... if they are also a quarter of the tier."""
_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plan:
    """The next build, and its slots."""

    tier: TierName
    slots: frozenset[int]


@dataclass(frozen=True)
class Situation:
    """The situation that plans depend on."""

    live: Set[int]
    """Slots of all rules."""
    pending: frozenset[int]
    """Part of these: slots that no tier contains."""
    in_force: Mapping[TierName, frozenset[int]]
    """Slots that the databases of each tier contain, with those of deleted rules."""
    building: Mapping[TierName, frozenset[int]]
    main_dead: int = 0
    """Slots of the main tier whose rules were deleted."""
    is_quiet: bool = False
    """No rule was added for long: the tiers may be merged."""

    def home(self, tier: TierName) -> frozenset[int]:
        """Live slots that only this tier contains, among itself and the larger ones."""
        larger = [self.in_force.get(one, _NONE) for one in TIERS[: TIERS.index(tier)]]
        mine = self.in_force.get(tier, _NONE).difference(*larger)
        return frozenset(slot for slot in mine if slot in self.live)

    def is_needed(self, tier: TierName) -> bool:
        """Whether `home` is not empty; listing it for the main tier would take long."""
        if tier == "main":
            return not self.in_force.get(tier, _NONE).isdisjoint(self.live)
        return bool(self.home(tier))


def plans(now: Situation) -> list[Plan]:
    """The builds to start now; at most one for each tier, and none that is running."""
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
    """Whether rules wait that no tier has room for, until a larger one is built."""
    waiting = now.pending.difference(*now.building.values())
    return bool(waiting) and len(now.home("hot")) >= ROOM["hot"]


def unneeded(now: Situation) -> list[TierName]:
    """Tiers that can be dropped: larger ones contain all of their live slots."""
    return [tier for tier in TIERS if tier in now.in_force and not now.is_needed(tier)]


def _main_plan(now: Situation, small: Collection[int]) -> Plan | None:
    """A build of all rules, if the smaller tiers are full, or many rules of the main one are
    deleted."""
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
