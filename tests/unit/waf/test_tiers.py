"""Which tier a rule is compiled into, and when a larger one is built behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from dataplane.waf.enforcing import tiers
from dataplane.waf.enforcing.tiers import FULL, ROOM, TIERS, Situation, TierName


def situation(
    live: Iterable[int],
    in_force: Mapping[TierName, Iterable[int]] | None = None,
    building: Mapping[TierName, Iterable[int]] | None = None,
    *,
    is_quiet: bool = False,
) -> Situation:
    force = {name: frozenset(slots) for name, slots in (in_force or {}).items()}
    alive = frozenset(live)
    main = force.get("main", frozenset())
    return Situation(
        live=alive,
        pending=alive.difference(*force.values()),
        in_force=force,
        building={name: frozenset(slots) for name, slots in (building or {}).items()},
        main_dead=len(main - alive),
        is_quiet=is_quiet,
    )


def planned(now: Situation) -> dict[TierName, frozenset[int]]:
    found = {plan.tier: plan.slots for plan in tiers.plans(now)}
    assert len(found) == len(tiers.plans(now))
    assert not found.keys() & now.building.keys()
    return found


def test_without_rules_nothing_is_built() -> None:
    assert planned(situation([])) == {}
    assert planned(situation([1], {"hot": [1]})) == {}


def test_a_new_rule_is_built_with_those_of_the_hot_tier() -> None:
    assert planned(situation([1, 2, 3], {"hot": [1, 2]})) == {"hot": frozenset({1, 2, 3})}


def test_what_a_larger_tier_has_is_not_built_again() -> None:
    now = situation(range(10), {"main": range(5), "hot": range(9)})
    assert planned(now) == {"hot": frozenset(range(5, 10))}


def test_a_hot_tier_that_fills_up_is_emptied_into_the_warm_one() -> None:
    now = situation(range(21), {"hot": range(20)})
    assert planned(now) == {"warm": frozenset(range(21)), "hot": frozenset(range(21))}


def test_a_warm_tier_that_fills_up_is_emptied_into_the_middle_one() -> None:
    now = situation(range(211), {"warm": range(200), "hot": range(200, 210)})
    assert planned(now) == {
        "middle": frozenset(range(211)),
        "hot": frozenset(range(200, 211)),
    }


def test_beside_a_warm_build_new_rules_still_go_into_the_hot_tier() -> None:
    now = situation(range(22), {"hot": range(20)}, {"warm": range(21)})
    assert planned(now) == {"hot": frozenset({*range(20), 21})}


def test_beside_a_middle_build_the_smaller_tiers_go_on() -> None:
    now = situation(
        range(221), {"warm": range(200), "hot": range(200, 220)}, {"middle": range(200)}
    )
    assert planned(now) == {
        "warm": frozenset(range(221)),
        "hot": frozenset(range(200, 221)),
    }


def test_a_full_hot_tier_waits_for_a_larger_one() -> None:
    now = situation(range(50), {"hot": range(ROOM["hot"])}, {"warm": range(ROOM["hot"])})
    assert planned(now) == {}
    assert tiers.is_full(now)


def test_many_at_a_time_go_into_the_tier_that_has_room_at_once() -> None:
    assert planned(situation(range(100))) == {"warm": frozenset(range(100))}
    assert planned(situation(range(500))) == {"middle": frozenset(range(500))}


def test_more_than_the_middle_tier_holds_go_into_the_main_one() -> None:
    many = range(ROOM["middle"] + 1)
    assert planned(situation(many)) == {"main": frozenset(many)}


def test_beside_a_main_build_a_new_rule_is_in_force_soon() -> None:
    now = situation(range(50_001), {}, {"main": range(50_000)})
    assert planned(now) == {"hot": frozenset({50_000})}


def test_a_rule_that_makes_the_middle_tier_full_is_in_force_soon_too() -> None:
    full = FULL["middle"]
    found = planned(situation(range(full), {"middle": range(full - 1)}))
    assert found == {"main": frozenset(range(full)), "hot": frozenset({full - 1})}


def test_much_that_is_dead_is_compiled_out() -> None:
    main = range(10_000)
    assert planned(situation(range(2000, 10_000), {"main": main})) == {}
    assert planned(situation(range(2500, 10_000), {"main": main})) == {
        "main": frozenset(range(2500, 10_000))
    }


def test_when_it_is_quiet_the_tiers_are_brought_together() -> None:
    found = planned(situation(range(30), {"main": range(20), "hot": range(20, 30)}, is_quiet=True))
    assert found == {"main": frozenset(range(30))}
    few = situation(range(30), {"middle": range(20), "hot": range(20, 30)}, is_quiet=True)
    assert planned(few) == {"middle": frozenset(range(30))}
    assert planned(situation(range(30), {"middle": range(30)}, is_quiet=True)) == {}


@pytest.mark.parametrize("tier", tiers.TIERS)
def test_a_tier_of_dead_rules_is_dropped(tier: TierName) -> None:
    assert tiers.unneeded(situation([9], {tier: [1, 2]})) == [tier]
    assert tiers.unneeded(situation([1], {tier: [1, 2]})) == []


def test_a_tier_whose_rules_a_larger_one_has_is_dropped() -> None:
    smaller: dict[TierName, list[int]] = {"middle": [0, 1, 2], "warm": [1], "hot": [3, 9]}
    assert tiers.unneeded(situation(range(5), {"main": range(5), **smaller})) == list(TIERS[1:])


def test_whatever_comes_and_goes_all_of_it_is_in_force_in_the_end() -> None:
    """Rules come one by one and in bulk; a build takes a few steps, a larger one more."""
    live: set[int] = set()
    force: dict[TierName, frozenset[int]] = {}
    builds: dict[TierName, tuple[int, frozenset[int]]] = {}
    takes: dict[TierName, int] = {"hot": 1, "warm": 8, "middle": 60, "main": 400}
    for step in range(2000):
        if step < 1500:
            live |= set(range(len(live), len(live) + (1 if step != 1200 else 5000)))
        for tier, (due, slots) in list(builds.items()):
            if due <= step:
                force[tier] = slots
                del builds[tier]
        building = {tier: slots for tier, (_, slots) in builds.items()}
        for tier in tiers.unneeded(situation(live, force, building)):
            del force[tier]
        now = situation(live, force, building)
        for tier, slots in planned(now).items():
            builds[tier] = step + takes[tier], slots
        if step < 1200:
            assert len(now.pending) <= 3, (step, sorted(now.pending))
    assert not situation(live, force).pending
